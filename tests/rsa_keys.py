"""Key pairs for GitHub Apps, made once for a run of the tests."""

from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat


@cache
def key_pair(number: int = 0, *, pkcs8: bool = False) -> tuple[str, str]:
    """The private key of that number as GitHub gives it to people (PKCS#1), or as PKCS#8, and its public key; PEM."""
    key = _key(number)
    private_format = PrivateFormat.PKCS8 if pkcs8 else PrivateFormat.TraditionalOpenSSL
    private = key.private_bytes(Encoding.PEM, private_format, NoEncryption()).decode()
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@cache
def _key(_number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
