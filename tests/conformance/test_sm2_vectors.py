"""SM2 and SM3 against the standards' own examples and against OpenSSL."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from gongfu.identity.handle import keys, sm2

# GB/T 32918.5-2017 annex A.2: key, public key, message, identity, nonce, signature
SECRET = 0x3945208F_7B2144B1_3F36E38A_C6D39F95_88939369_2860B51A_42FB81EF_4DF7C5B8
X = 0x09F9DF31_1E5421A1_50DD7D16_1E4BC5C6_72179FAD_1833FC07_6BB08FF3_56F35020
Y = 0xCCEA490C_E26775A5_2DC6EA71_8CC1AA60_0AED05FB_F35E084A_6632F607_2DA9AD13
NONCE = 0x59276E27_D506861A_16680F3A_D9C02DCC_EF3CC1FA_3CDBE4CE_6D54B80D_EAC1BC21
R = 0xF5A03B06_48D2C463_0EEAC513_E1BB81A1_5944DA38_27D5B741_43AC7EAC_EEE720B3
S = 0xB1B6AA29_DF212FD8_763182BC_0D421CA1_BB9038FD_1F7F42D4_840B69C4_85BBC1AA

# `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:SM2`, then `openssl dgst -sm3 -sign … -sigopt
# distid:1234567812345678` over "message"; OpenSSL 3.0.19
OPENSSL_PEM = b"""-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqBHM9VAYItBG0wawIBAQQgyvNJTxtQUQefLNmx
EgN1IjMKqscBR6z77dPtbujEogOhRANCAARrRgSMZR2HvhSRog9cshr999xVnzbR
Kr0Uu/DKlbpQ792+tmTYrgNkh1gUDZSLE4n/0BLGTkUdnnJD0tMqVGiX
-----END PRIVATE KEY-----
"""
OPENSSL_SPKI = bytes.fromhex(
    "3059301306072a8648ce3d020106082a811ccf5501822d034200046b46048c651d87be1491a20f5cb21afdf7dc559f36d12abd"
    "14bbf0ca95ba50efddbeb664d8ae03648758140d948b1389ffd012c64e451d9e7243d2d32a546897"
)
OPENSSL_SIGNATURE = bytes.fromhex(
    "304402203d09bb611919bf660a441105dbdbcc4e9a03e3efb6f0e218e2350aaefe9d838a022032b083f77a6e2b60210a9d2e59"
    "def1ef1d146ca6df584961e4001214e91a4fef"
)


def test_the_signature_of_the_standard_is_made_and_verified() -> None:
    key = sm2.PrivateKey(SECRET)
    assert (key.public.x, key.public.y) == (X, Y)
    signature = key.sign(b"message digest", b"1234567812345678", nonce=NONCE)
    assert decode_dss_signature(signature) == (R, S)
    assert key.public.verify(encode_dss_signature(R, S), b"message digest")
    assert not key.public.verify(encode_dss_signature(R, S), b"message Digest")
    assert not key.public.verify(encode_dss_signature(R, S), b"message digest", b"another identity")
    assert not key.public.verify(encode_dss_signature(S, R), b"message digest")
    for r, s in ((0, S), (R, 0), (sm2.N, S), (R, sm2.N - R)):
        assert not key.public.verify(encode_dss_signature(r, s), b"message digest")


def test_the_digests_of_the_standard_come_out() -> None:
    """GB/T 32905-2016 annex A.1 and A.2."""
    assert sm2.sm3(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert sm2.sm3(b"abcd" * 16).hex() == "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"


def test_a_key_and_a_signature_of_openssl_are_read_and_written_back() -> None:
    key = keys.loads(OPENSSL_PEM)
    assert key.pem() == OPENSSL_PEM
    assert key.public.encode().endswith(OPENSSL_SPKI)
    assert key.public.verify(OPENSSL_SIGNATURE, b"message", "SM3")
    assert not key.public.verify(OPENSSL_SIGNATURE, b"Message", "SM3")
    for other in (OPENSSL_SPKI, OPENSSL_SPKI[-65:]):
        octets = keys.named("SM2_PUB_KEY", len(other).to_bytes(4, "big") + other)
        assert keys.decode(octets).encode() == key.public.encode()
