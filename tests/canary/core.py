"""Looks into core dumps for keys, derived here once more by Python's own hashlib.

  core.py CORE PASSWORD_FILE SALT   prints how many of the secrets are in the dump, and which
"""
import base64
import hashlib
import sys

core = open(sys.argv[1], "rb").read()
salt = sys.argv[3].encode()
secrets = {}
for line in open(sys.argv[2]):
    number, password = line.rstrip("\n").split(":", 1)
    raw = password.encode()
    secrets[f"password {number}"] = raw
    if password.startswith("k4.local."):
        text = password[len("k4.local."):]
        secrets[f"native key {number}"] = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    else:
        secrets[f"native key {number}"] = hashlib.blake2b(raw, digest_size=32, key=b"ironjar native seal v1").digest()
    secrets[f"encryption key {number}"] = hashlib.pbkdf2_hmac("sha1", raw, salt, 1, 32)
    # HMAC's padded key, as it is hashed; a long password is hashed before.
    block = (raw if len(raw) <= 64 else hashlib.sha1(raw).digest()).ljust(64, b"\0")
    secrets[f"HMAC block {number}"] = bytes(b ^ 0x36 for b in block)[: len(raw)]
found = [name for name, secret in secrets.items() if secret in core]
print(len(found), *found, sep="; ")
