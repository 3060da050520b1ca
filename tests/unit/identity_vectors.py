"""Golden vectors: an address as a CRM may hold it, and its digests by `printf %s … | sha256sum` and `sha512sum`."""

from __future__ import annotations

from typing import Final

ANN: Final = "ann.lee17@example.com"
ANN_SHA256: Final = "ae9d2151f5d1672c4718433e4a115580985a50c29300a0e1a09e81c4911ac07b"
ANN_SHA512: Final = (
    "ad446f9c06fd4b38600163864763f60b54f70299719a13a4b1b5a043c3836f51"
    "b0addf70e9bd934733264de91b3895fbf27003a779cb043d9c410ecac3d62cab"
)
NOTHING_SHA256: Final = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
NOTHING_SHA512: Final = (
    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
    "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
)

ADDRESSES: Final = (
    ("ann.lee17@example.com", ANN_SHA256),
    ("Ann.Lee17@Example.com", ANN_SHA256),
    ("  ANN.LEE17@EXAMPLE.COM\r\n", ANN_SHA256),
    ("Ann . Lee17 @ Example . com", ANN_SHA256),
    ("\u00a0Ann.Lee17\u2003@Example.com\u3000", ANN_SHA256),
    ("\ufeffAnn.\u200bLee\u200c17\u200d@Exam\u2060ple.com", ANN_SHA256),
    ("ann.lee17\t@\x1cexample\x85.com", ANN_SHA256),
    ("A+B.C@Example.co.uk", "b1d2405e8b81a66e03e8addcdc303a442fc4c4f0299d33ad2c5e1059844a6f69"),
    ("Müller@BÜCHER.example", "cfdc745eaa6460ef7006f67cdccf8a7789cdda19ad4c47308f2b2b2d09116efa"),
    ("\u0130stanbul@Example.com", "21b3d4ad954ffe193659bcdcff92053ab646244b3898969a09265d00b2af7ba4"),
    (
        "\u039f\u0394\u03a5\u03a3\u03a3\u0395\u0391\u03a3@Example.gr",  # ends in a final sigma
        "ae6559f6514c690f2019166b1cc928dc4a0f1061424b5cfe9b0c71c8e854031d",
    ),
    ("\U0001f600@example.com", "0ebe493ee6c1219e60825b283ac5ff77640ebd0d93aa8130b4474a3697e4c2ae"),
    ("'; DROP TABLE users; --@example.com", "931dc44f825523cd5ad7b22dfd24875e071fdd903793ce174e32dca59d0be78b"),
    ("=cmd|calc@example.com", "0188a447e92af95eab15c2d5e76199173742e53a4c6ce492daf00e8c8549c53f"),
    ("\u05e9\u05dc\u05d5\u05dd@example.co.il", "29f7b9dabe8abaac4884db9bbc1232e6e9dd7327871fee274abc6d097691a812"),
)

# `printf 'ann\x1flee\x1facme\x1fus' | sha256sum`: first name, last name, company, country
NAMES: Final = (
    (("Ann", "Lee", "Acme", "US"), "eced06ec0cde166496c08cbadb5f6540858caf7647c2f3624b2100cfdfb8d9a8"),
    ((" ANN", "lee ", "ACME", "us"), "eced06ec0cde166496c08cbadb5f6540858caf7647c2f3624b2100cfdfb8d9a8"),
    (("Ann", "Lee", None, None), "2117299b946376fd27ad424ad2fe7008a5293a6602867b7606e678627f37b207"),
    (("Zoë  Maria", "Müller", "", "de"), "6e11b4ac32cd4c6c756fb1d6ef730d6fa67fd321f473f19b0e629231d6fa88c2"),
)

AID: Final = "38400000-8cf0-11bd-b23e-10b96e40000d"
