"""A delivery's timeline as one HTML page that needs nothing else: no script, no font, no request to anywhere.

Every text from a span is escaped here. The style is in `html.css`, which becomes a part of the page.
"""

from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from delivery.tracing.formatting import duration, moment, share, shown
from delivery.tracing.otlp import SpanId
from delivery.tracing.scale import Scale
from delivery.tracing.timeline import Row, Timeline

_STYLE = Path(__file__).with_name("html.css")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(line: Timeline) -> str:
    """The whole document. It works without JavaScript, by keyboard, in light and dark, and on paper."""
    delivery = line.delivery
    way = "to" if delivery.complete else "until it failed in" if delivery.failed else "on the way to"
    title = f"{delivery.application} {delivery.version}: {duration(line.lead_time)} {way} {delivery.stages[-1]}"
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{_text(title)}</title>
<style>
{_STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
{_header(line)}
<main>
{_spent(line)}
{_waterfall(line)}
{_facts(line)}
{_table(line)}
</main>
</body>
</html>
"""


def _text(text: str) -> str:
    return escape(shown(text))


def _name(text: str) -> str:
    """A name from a span, isolated so that right-to-left letters in it do not reorder the text around it."""
    return f"<bdi>{_text(text)}</bdi>"


def _header(line: Timeline) -> str:
    delivery = line.delivery
    stages = '<span aria-hidden="true"> → </span>'.join(f"<li>{_name(stage)}</li>" for stage in delivery.stages)
    commit = f"commit <code>{_text(line.commit[:7])}</code>" if line.commit_time else "the first rollout"
    start = line.sections[0].start
    if delivery.complete or delivery.failed:
        way = "until it failed in" if delivery.failed else "to"
        goal = f"{way} {_name(delivery.stages[-1])} <small>{moment(line.sections[-1].end)}</small>"
    else:
        goal = f"so far, not yet through {_name(delivery.stages[-1])}"
    root = delivery.last.root if delivery.failed and delivery.last else None
    reason = f'<p class="note"><b>✗</b> {_name(root.message)}</p>\n' if root and root.message else ""
    return (
        f"<header>\n<h1>{_name(delivery.application)} <span>{_name(delivery.version)}</span></h1>\n"
        f'<ol class="stages" aria-label="Stages">{stages}</ol>\n'
        f'<p class="lead"><strong>{duration(line.lead_time)}</strong> '
        f"<span>from {commit} <small>{moment(start)}</small> {goal}</span></p>\n{reason}</header>"
    )


def _spent(line: Timeline) -> str:
    """The lead time as one bar to scale, and its sections as a table."""
    whole = line.lead_time
    bar = "".join(
        f'<span class="{section.kind}" style="flex-grow:{section.length / whole:.6f}"></span>'
        for section in line.sections
        if section.length
    )
    rows = "\n".join(
        f'<tr><th scope="row"><i class="{section.kind}"></i>{_name(section.name)}</th>'
        f"<td>{duration(section.length)}</td><td>{escape(share(section.length, whole))}</td></tr>"
        for section in line.sections
    )
    return (
        '<section aria-labelledby="spent">\n<h2 id="spent">Where the time was spent</h2>\n'
        f'<div class="stack" aria-hidden="true">{bar}</div>\n'
        '<table class="spent"><thead class="unseen"><tr><th>Section</th><th>Length</th><th>Share</th></tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table>\n</section>"
    )


def _waterfall(line: Timeline) -> str:
    axis = line.scale
    note = "Time runs to scale." if axis.linear else "Not to scale: every column has a scale of its own."
    grid = "".join(f'<i style="left:{_percent(piece.left)}"></i>' for piece in axis.pieces)
    rows = "\n".join(_row(row, axis) for row in line.rows)
    return (
        '<section aria-labelledby="waterfall">\n<h2 id="waterfall">Waterfall</h2>\n'
        f'<p class="note">{note} A dashed line follows a link from one trace to the next. '
        "Point at a row, or move to it with the Tab key, for its details.</p>\n"
        f'<div class="waterfall">\n<div class="heads">{_heads(line, axis)}</div>\n'
        f'<div class="body"><div class="field" aria-hidden="true">{grid}{_links(line.rows, axis)}</div>\n'
        f"<ol>\n{rows}\n</ol></div>\n</div>\n</section>"
    )


def _percent(place: float) -> str:
    return f"{place * 100:.3f}%"


def _heads(line: Timeline, axis: Scale) -> str:
    """The name and length of each section, above its column."""
    names = {section.start: section for section in line.sections if section.length}
    return "".join(
        f'<span class="{names[piece.start].kind}" style="left:{_percent(piece.left)};'
        f'width:{_percent(piece.right - piece.left)}">{_name(names[piece.start].name)}'
        f"<b>{duration(piece.end - piece.start)}</b></span>"
        for piece in axis.pieces
        if piece.start in names
    )


def _links(rows: tuple[Row, ...], axis: Scale) -> str:
    """A line from each span that is linked to, down and across to the row that follows it. Rows are 1 high."""
    places: dict[SpanId, tuple[float, float]] = {}
    for number, row in enumerate(rows):
        if row.span:
            places[row.span.id] = (axis.at((row.start + row.end) // 2), number + 0.5)
    lines = "".join(
        f'<path d="M{places[row.follows][0]:.5f} {places[row.follows][1]} V{number + 0.5} H{axis.at(row.start):.5f}"/>'
        for number, row in enumerate(rows)
        if row.follows in places
    )
    return f'<svg viewBox="0 0 1 {len(rows)}" preserveAspectRatio="none">{lines}</svg>' if lines else ""


def _row(row: Row, axis: Scale) -> str:
    left, right = axis.at(row.start), axis.at(row.end)
    classes = " ".join([row.kind, *(["failed"] if row.failed else []), *(["linked"] if row.follows else [])])
    failed = '<b title="failed">✗</b> ' if row.failed else ""
    return (
        f'<li class="{classes}" tabindex="0" style="--depth:{row.depth}">'
        f'<span class="name">{failed}{_name(row.name)}</span>'
        f'<span class="track"><span class="bar" style="left:{_percent(left)};width:{_percent(right - left)}">'
        "</span></span>"
        f'<span class="length">{duration(row.end - row.start)}</span>{_details(row)}</li>'
    )


def _details(row: Row) -> str:
    """Everything about a row, shown while it is pointed at."""
    facts = [("from", moment(row.start)), ("until", moment(row.end)), ("took", duration(row.end - row.start))]
    if span := row.span:
        facts += [("service", span.service), ("trace", span.id.trace), ("span", span.id.span)]
        facts += [("failed", span.message or "without a message")] if span.failed else []
        facts += sorted(span.attributes.items())
    if row.follows:
        facts.append(("follows", f"span {row.follows.span} of trace {row.follows.trace}"))
    pairs = "".join(f"<div><dt>{_text(name)}</dt><dd>{_name(value)}</dd></div>" for name, value in facts if value)
    return f'<div class="details"><h3>{_name(row.name)}</h3><dl>{pairs}</dl></div>'


def _facts(line: Timeline) -> str:
    pairs: list[tuple[str, str]] = []
    if line.commit:
        made = f" <small>{moment(line.commit_time)}</small>" if line.commit_time else ""
        pairs.append(("verified commit", f"<code>{_text(line.commit)}</code>{made}"))
    for change in line.changes:
        title = f"#{_text(change.number)} {_name(change.title)}"
        link = f'<a href="{escape(change.url)}" rel="noreferrer">{title}</a>' if _is_web(change.url) else title
        pairs.append(("pull request", link))
    pairs += [(f"trace of {name}", f"<code>{trace}</code>") for name, trace in line.traces]
    facts = "".join(f"<div><dt>{_text(name)}</dt><dd>{value}</dd></div>" for name, value in pairs)
    notes = "".join(f"<li>{_name(note)}</li>" for note in line.notes)
    return (
        '<section aria-labelledby="facts">\n<h2 id="facts">What went through</h2>\n'
        f'<dl class="facts">{facts}</dl>\n' + (f'<ul class="notes">{notes}</ul>\n' if notes else "") + "</section>"
    )


def _is_web(url: str) -> bool:
    """Whether an address from a span may become a link: a `javascript:` one may not."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and "@" not in parts.netloc and shown(url) == url


def _table(line: Timeline) -> str:
    """Every row with every value, for readers who cannot point and for paper."""
    rows = "\n".join(
        f'<tr><th scope="row" style="--depth:{row.depth}">{_name(row.name)}</th><td>{moment(row.start)}</td>'
        f"<td>{duration(row.end - row.start)}</td><td>{'failed' if row.failed else row.kind}</td>"
        f"<td><code>{row.span.id.trace + ' ' + row.span.id.span if row.span else ''}</code></td></tr>"
        for row in line.rows
    )
    return (
        '<details class="table"><summary>All rows as a table</summary>\n<div class="scroll" tabindex="0"><table>\n'
        "<thead><tr><th>Name</th><th>From</th><th>Took</th><th>What</th><th>Trace and span</th></tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody></table></div></details>"
    )
