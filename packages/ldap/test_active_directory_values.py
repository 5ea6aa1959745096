"""Values of Active Directory's own, without a controller."""

import pytest
from quisait_ldap.sids import expiry_day

pytestmark = pytest.mark.sources


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("0", ""),
        ("9223372036854775807", ""),
        ("133485408000000000", "2024-01-01"),
        ("20260131", "20260131"),
        ("202601311200", "202601311200"),
        ("20260131120000", "20260131120000"),
        ("20484", "20484"),
        ("jamais", "jamais"),
    ],
)
def test_only_a_time_of_account_expires_is_counted_from_1601(written: str, day: str) -> None:
    """Elsewhere digits are a day, a minute or a number of days: nobody left in 1601."""
    assert expiry_day(written) == day
