"""What is answered about people, their sessions and their tokens."""

from __future__ import annotations

from pydantic import Field

from bursar.desk.api.shapes.words import Moment, Person, Shape


class Known(Shape):
    """Who asks, and what they may do. scopes: empty where they may all that their role may."""

    user: Person
    role: str = Field(examples=["trader"])
    scopes: list[str] = Field(examples=[["*:read"]])
    stepped_up: bool
    must_change: bool = Field(description="True until a password was chosen.", examples=[False])


class SignedIn(Known):
    """Who has come in, and until when."""

    expires_at: Moment


class Me(Known):
    """Who asks."""

    second_factor: bool


class SteppedUp(Shape):
    """Until when live, kill and re-arm are open."""

    stepped_up_until: Moment


class Offered(Shape):
    """A second factor that is offered."""

    address: str = Field(description="What an authenticator reads.", examples=["otpauth://totp/Bursar:ann?secret=ABC"])


class Recovery(Shape):
    """What is for whoever loses the second factor."""

    recovery: list[str] = Field(examples=[["abcd-efgh"]])


class PassTold(Shape):
    """A session or a token. current: it is the one that this was asked with."""

    id: str = Field(examples=["5d3c1f0a"])
    kind: str = Field(examples=["token"])
    label: str = Field(examples=["the notebook"])
    scopes: list[str] = Field(examples=[["*:read"]])
    made_at: Moment
    expires_at: Moment
    current: bool


class Passes(Shape):
    """Sessions and tokens."""

    items: list[PassTold]


class TokenMade(PassTold):
    """A token that was made."""

    token: str = Field(description="Its secret, shown this once.", examples=["bursar_..."])


class PersonTold(Shape):
    """Who may come in."""

    name: Person
    role: str = Field(examples=["trader"])
    made_at: Moment
    must_change: bool
    second_factor: bool
    disabled: bool = Field(examples=[False])


class People(Shape):
    """Everybody who may come in."""

    items: list[PersonTold]


class PersonAdded(PersonTold):
    """Who was let in."""

    password: str = Field(description="To be used once, and shown this once.", examples=["a few words in a row"])


class PersonWhole(PersonTold):
    """Who somebody is, and what they come with."""

    passes: list[PassTold]


class PasswordReset(Shape):
    """A password to be used once."""

    name: Person
    password: str = Field(examples=["a few words in a row"])
