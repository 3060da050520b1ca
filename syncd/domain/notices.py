"""What any screen with targeting or forecasts must show, word for word (reference 004): a command's table, its JSON and
its picture alike. `LEARN_MORE` is the part of the text that is a link where links can be clicked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LEARN_MORE: Final = "Learn more"


@dataclass(frozen=True, slots=True)
class Notice:
    text: str
    url: str


NO_DISCRIMINATION: Final = Notice(
    "LinkedIn tools may not be used to discriminate based on personal characteristics like gender, age, race, or"
    f" ethnicity. {LEARN_MORE}",
    "https://www.linkedin.com/help/lms/answer/86856",
)
ESTIMATES: Final = Notice(
    "The forecasted results are directional estimates and don't guarantee the actual performance of campaigns."
    f" {LEARN_MORE}",
    "https://learn.microsoft.com/en-us/linkedin/marketing/integrations/ads/advertising-targeting/ad-supply-forecasts",
)
TARGETING: Final = (NO_DISCRIMINATION,)
FORECASTS: Final = (NO_DISCRIMINATION, ESTIMATES)
