"""Issues, comments and labels over REST."""

from lab.forge import Forge
from tests.lab.forge.clients import NAME, Rest


def test_an_issue_is_opened_found_by_its_label_edited_and_closed(rest: Rest) -> None:
    opened = rest("POST", "/issues", {"title": "Drift", "body": "one", "labels": ["drift"]})
    assert opened.status_code == 201
    number = opened.json()["number"]
    assert [issue["number"] for issue in rest("GET", "/issues?labels=drift&state=open").json()] == [number]
    assert rest("GET", "/issues?labels=other").json() == []
    edited = rest("PATCH", f"/issues/{number}", {"body": "two", "state": "closed"}).json()
    assert (edited["title"], edited["body"], edited["state"]) == ("Drift", "two", "closed")
    assert rest("GET", "/issues").json() == []
    assert rest("POST", "/issues", {"body": "untitled"}).status_code == 422


def test_a_pull_request_is_an_issue_and_shares_its_numbers(rest: Rest, proposed: int) -> None:
    assert "pull_request" in rest("GET", f"/issues/{proposed}").json()
    assert rest("POST", "/issues", {"title": "Drift"}).json()["number"] == proposed + 1
    assert rest("GET", f"/pulls/{proposed + 1}").status_code == 404


def test_comments_are_kept_in_order(forge: Forge, rest: Rest, proposed: int) -> None:
    for body in ("first", "second"):
        assert rest("POST", f"/issues/{proposed}/comments", {"body": body}).status_code == 201
    assert [comment["body"] for comment in rest("GET", f"/issues/{proposed}/comments").json()] == ["first", "second"]
    assert [comment.body for comment in forge.pull_requests(NAME)[0].comments] == ["first", "second"]
    assert rest("POST", f"/issues/{proposed}/comments", {"body": " "}).status_code == 422
    assert rest("POST", "/issues/99/comments", {"body": "x"}).status_code == 404


def test_labels_on_a_pull_request_come_into_being_and_add_up(rest: Rest, proposed: int) -> None:
    rest("POST", f"/issues/{proposed}/labels", {"labels": ["promotion"]})
    added = rest("POST", f"/issues/{proposed}/labels", {"labels": ["dev", "promotion"]}).json()
    assert [label["name"] for label in added] == ["promotion", "dev"]
    assert [label["name"] for label in rest("GET", f"/pulls/{proposed}").json()["labels"]] == ["promotion", "dev"]
    assert rest("DELETE", f"/issues/{proposed}/labels/dev").status_code == 200
    assert rest("DELETE", f"/issues/{proposed}/labels/dev").json()["message"] == "Label does not exist"


def test_a_label_lives_as_the_provider_needs_it(rest: Rest) -> None:
    created = rest("POST", "/labels", {"name": "promotion", "color": "ff0000", "description": "d"})
    assert created.status_code == 201
    again = rest("POST", "/labels", {"name": "Promotion", "color": "ff0000"})
    assert again.json()["errors"] == [{"resource": "Label", "field": "name", "code": "already_exists"}]
    renamed = rest("PATCH", "/labels/promotion", {"name": "promote", "color": "00ff00", "description": "e"}).json()
    assert (renamed["name"], renamed["color"], renamed["description"]) == ("promote", "00ff00", "e")
    assert rest("DELETE", "/labels/promote").status_code == 204
    assert rest("GET", "/labels/promote").status_code == 404


def test_two_labels_have_two_ids_also_when_their_letters_are_the_same(rest: Rest) -> None:
    one, other = (rest("POST", "/labels", {"name": name, "color": "ff0000"}).json()["id"] for name in ("stop", "post"))
    assert one != other
    assert rest("GET", "/labels/stop").json()["id"] == one
