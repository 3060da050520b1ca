"""Where the sandbox's members live: continents, countries, states and cities, each with how many members it holds.

The ids and names printed in reference 001 are kept, and the sizes are such that its sample search for "united states"
comes out in the sample's order. Everything else is the sandbox's own: do not read it as LinkedIn's.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

# Indentation is containment; a country starts with its code and ends with the locale most of its members use.
# The number is millions of members.
PLACES = """
102221843 North America
  us 103644278 United States 230 en_US
    102095887 California 27
      103104382 Los Angeles County 9.5
      102277331 San Francisco 2.1
    102748797 Texas 19
      104472865 Houston 2.6
      104194190 Dallas 3.1
    105080838 New York 15
      102571732 New York 9
    101318387 Florida 13.5
      102394087 Miami 2.9
    101949407 Illinois 8.8
      103112676 Chicago 5.2
    102986501 Pennsylvania 8
      104937023 Philadelphia 2.4
    103950076 Georgia 7.5
      106224388 Atlanta 3.4
    106981407 Ohio 7
    101098412 Massachusetts 6.5
      102380872 Boston 3.6
    103977389 Washington 6
      104116203 Seattle 2.7
    105763813 Colorado 4.5
  ca 101174742 Canada 25 en_US
    105149290 Ontario 11
      100025096 Toronto 5.5
    102237789 Quebec 5
      101330853 Montreal 3
    102044150 British Columbia 4
      103366113 Vancouver 2.2
  mx 103323778 Mexico 22 es_ES
    106100439 Mexico City 6
100506914 Europe
  gb 101165590 United Kingdom 41 en_US
    102299470 England 33
      102257491 London 9
      100356971 Manchester 2
    100752109 Scotland 3
  de 101282230 Germany 19 de_DE
    100517351 Bavaria 3.6
      100477049 Munich 1.6
    103480659 North Rhine-Westphalia 3.9
      106967730 Cologne 0.8
    106930733 Berlin 1.7
  fr 105015875 France 31 fr_FR
    104246759 Paris 9
    106337898 Lyon 1.4
  nl 102890719 Netherlands 12 nl_NL
    102011674 Amsterdam 2.8
  es 105646813 Spain 20 es_ES
    103374081 Madrid 5
    107025191 Barcelona 3.6
  it 103350119 Italy 20 it_IT
    103537901 Milan 3.5
  be 100565514 Belgium 5 nl_NL
  ch 106693272 Switzerland 4 de_DE
    108792105 Zurich 0.9
  at 103883259 Austria 2.2 de_DE
  se 105117694 Sweden 5 en_US
  dk 104514075 Denmark 3.5 en_US
  no 103819153 Norway 2.8 en_US
  fi 100456013 Finland 1.9 en_US
  ie 104738515 Ireland 2.7 en_US
  pl 105072130 Poland 7.5 pl_PL
  pt 100364837 Portugal 4.8 pt_BR
  tr 102105699 Turkey 16 tr_TR
  lu 104042105 Luxembourg 0.42 fr_FR
  mt 100961908 Malta 0.21 en_US
  is 105238872 Iceland 0.13 en_US
  li 100878084 Liechtenstein 0.018 de_DE
102393603 Asia
  in 102713980 India 150 en_US
    106888327 Karnataka 18
      105214831 Bengaluru 12
    106300413 Maharashtra 22
      106164952 Mumbai 9
    106187582 Delhi 11
  cn 102890883 China 60 zh_CN
  id 102478259 Indonesia 30 in_ID
  ph 103121230 Philippines 18 en_US
  jp 101355337 Japan 4.5 ja_JP
  sg 102454443 Singapore 4.6 en_US
  ae 104305776 United Arab Emirates 9 en_US
    106204383 Dubai 5
  il 101620260 Israel 2.4 en_US
104514572 South America
  br 106057199 Brazil 78 pt_BR
    104746682 São Paulo 24
    106701406 Rio de Janeiro 8
  ar 100446943 Argentina 12 es_ES
  co 100876405 Colombia 14 es_ES
103537801 Africa
  za 104035573 South Africa 14 en_US
    101140883 Gauteng 6
  ng 105365761 Nigeria 11 en_US
  ke 100710459 Kenya 4.5 en_US
91000010 Oceania
  au 101452733 Australia 16 en_US
    104769905 Sydney 5
    100992797 Melbourne 4.6
  nz 105490917 New Zealand 2.8 en_US
"""

KINDS = ("COUNTRY_GROUP", "COUNTRY", "STATE", "REGION")
MILLION = 1_000_000


@dataclass(slots=True, kw_only=True)
class Place:
    """A node of the tree; `code` and `locale` are a country's only."""

    id: int
    name: str
    kind: str
    members: int
    within: "Place | None" = None
    code: str = ""
    locale: str = ""
    children: list["Place"] = field(default_factory=list)

    @property
    def urn(self) -> str:
        return f"urn:li:geo:{self.id}"

    @property
    def full_name(self) -> str:
        """As reference 001 writes it: `Texas, United States`; continents are not said."""
        if self.kind in {"COUNTRY_GROUP", "COUNTRY"} or self.within is None:
            return self.name
        return f"{self.name}, {self.within.full_name}"

    def chain(self) -> Iterator["Place"]:
        """The place itself and every place it lies in."""
        place: Place | None = self
        while place is not None:
            yield place
            place = place.within


@cache
def places() -> tuple[Place, ...]:
    """Every place, the ones that hold most members first."""
    found: list[Place] = []
    for line in PLACES.strip("\n").splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        place = _read(line.split(), depth)
        above = [one for one in found if KINDS.index(one.kind) < depth]
        if depth:
            place.within = above[-1]
            place.within.children.append(place)
        found.append(place)
    for continent in (place for place in found if place.within is None):
        continent.members = sum(country.members for country in continent.children)
    return tuple(sorted(found, key=lambda place: -place.members))


def countries() -> list[Place]:
    return [place for place in places() if place.kind == "COUNTRY"]


def _read(words: list[str], depth: int) -> Place:
    match depth:
        case 0:
            return Place(id=int(words[0]), name=" ".join(words[1:]), kind=KINDS[0], members=0)
        case 1:
            code, number, *name, millions, locale = words
            members = round(float(millions) * MILLION)
            return Place(id=int(number), name=" ".join(name), kind=KINDS[1], members=members, code=code, locale=locale)
        case _:
            number, *name, millions = words
            return Place(
                id=int(number), name=" ".join(name), kind=KINDS[depth], members=round(float(millions) * MILLION)
            )
