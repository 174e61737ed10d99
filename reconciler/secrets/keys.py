"""A key for fingerprints that AWS KMS keeps."""

from botocore import exceptions as aws

from reconciler import amazon
from reconciler.amazon import Place
from reconciler.errors import SecretError

MESSAGE = b"reconciler fingerprint key 1"
"""Never to change: every fingerprint there is depends on it."""

LENGTH = 32


def kms_key(key_id: str, place: Place) -> bytes:
    """The 32 bytes that KMS makes of a fixed message, the same at every call; raises SecretError.

    AWS allows to derive keys from them (AWS KMS API reference, "GenerateMac").
    """
    subject = f"the fingerprint key kms:{key_id}"
    try:
        client = amazon.client("kms", place.of(key_id), **amazon.READS)
        answer = client.generate_mac(KeyId=key_id, Message=MESSAGE, MacAlgorithm="HMAC_SHA_256")
    except amazon.failures() as error:
        raise SecretError(_why(error, subject)) from None
    return _checked(answer.get("Mac"), subject)


def _why(error: Exception, subject: str) -> str:
    if not isinstance(error, aws.ClientError):
        return amazon.explained(error, subject)
    code = amazon.refusal(error).code
    if code == "NotFoundException":
        return f"{subject} does not exist in this account and region; create it, or correct its name"
    if code == "InvalidKeyUsageException":
        return f"{subject} cannot be used by kms:GenerateMac; create it with the key spec HMAC_256"
    return amazon.explained(error, subject)


def _checked(mac: object, subject: str) -> bytes:
    if not isinstance(mac, bytes) or len(mac) != LENGTH:
        raise SecretError(f"{subject}: kms:GenerateMac did not answer with {LENGTH} bytes")
    return mac
