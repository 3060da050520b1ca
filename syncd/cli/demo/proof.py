"""The proof: who should be in each segment by the CRM's tables alone, against who is in it at LinkedIn.

Written apart from syncd's own rules on purpose: a normaliser of three lines, `hashlib`, and JSON with sorted keys.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from syncd.cli.demo.crm import ACCOUNTS, CUSTOMERS, NEWSLETTER, Company, Crm


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One segment: how many should be in it, who is missing and who is too many. Counts only."""

    segment: str
    expected: int
    missing: int
    surplus: int

    @property
    def equal(self) -> bool:
        return not self.missing and not self.surplus


def expected(crm: Crm) -> dict[str, set[str]]:
    """Every segment's members, as the sandbox writes them."""
    contacts = crm.contacts()
    return {
        NEWSLETTER: set(_people(contact.email for contact in contacts if contact.subscribed)),
        CUSTOMERS: set(_people(contact.email for contact in contacts if contact.customer)),
        ACCOUNTS: {_company(company) for company in crm.companies() if company.target},
    }


def compare(segment: str, wanted: set[str], there: set[str]) -> Comparison:
    return Comparison(segment=segment, expected=len(wanted), missing=len(wanted - there), surplus=len(there - wanted))


def _people(emails: Iterable[str]) -> Iterable[str]:
    for email in emails:
        address = re.sub(r"\s", "", email).lower()
        local, _, domain = address.partition("@")
        if local and "." in domain and "@" not in domain:
            yield f"SHA256_EMAIL:{hashlib.sha256(address.encode()).hexdigest()}"


def _company(company: Company) -> str:
    metadata = {
        "companyName": company.name,
        "companyWebsiteDomain": company.website_domain,
        "country": company.country,
        "industry": company.industry,
    }
    told = {name: value for name, value in sorted(metadata.items()) if value is not None}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))
