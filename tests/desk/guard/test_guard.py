"""Who gets in, who does not, and that nothing secret is said on the way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pyotp
import pytest
from argon2 import PasswordHasher

from bursar.adapters.memory_people import MemoryPasses, MemoryPeople
from bursar.desk.guard import codes
from bursar.desk.guard.guard import KNOWN_S, Guard, Refused
from bursar.desk.guard.passwords import Passwords
from bursar.desk.guard.roles import Caller, Role
from bursar.domain.events import AccessChanged, SignedIn, SignInRefused
from bursar.errors import InputError
from tests.samples import AT

#: As weak as argon2 goes, so that a test costs nothing.
CHEAP = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
HERE = "127.0.0.1"
OWN = "a-sentence-that-nobody-guesses"


class House:
    """A guard over memory, and its clock."""

    def __init__(self) -> None:
        self.at: datetime = AT
        self.ticks = 0.0
        self.people, self.passes = MemoryPeople(), MemoryPasses()
        self.guard = Guard(self.people, self.passes, lambda: self.at, passwords=CHEAP, ticks=lambda: self.ticks)

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.ticks += seconds

    def moved_in(self, name: str = "owner", role: Role = Role.ADMIN) -> str:
        """The secret of a session of somebody with the password OWN."""
        once, _ = self.guard.add(name, role, by="a test")
        given, _ = self.guard.sign_in(name, once, "", HERE)
        self.guard.change_password(self.known(given.secret), once, OWN, HERE)
        return given.secret

    def known(self, secret: str) -> Caller:
        caller = self.guard.caller(secret)
        assert caller is not None
        return caller

    def with_factor(self, secret: str) -> tuple[pyotp.TOTP, tuple[str, ...]]:
        """A second factor, and its recovery codes, of whoever holds ``secret``."""
        maker = pyotp.parse_uri(self.guard.offer_factor(self.known(secret)))
        assert isinstance(maker, pyotp.TOTP)
        recovery, _ = self.guard.confirm_factor(self.known(secret), maker.at(self.at))
        return maker, recovery


@pytest.fixture
def house() -> House:
    return House()


def refused(ask: Callable[..., object], *arguments: object) -> Refused:
    with pytest.raises(Refused) as caught:
        ask(*arguments)
    return caught.value


# ---------------------------------------------------------------- the first start


def test_the_first_start_makes_one_admin_who_must_choose_a_password(house: House) -> None:
    first = house.guard.first_password()
    assert first is not None
    once, said = first
    assert isinstance(said[0], AccessChanged)
    assert house.guard.first_password() is None, "only where there is nobody"
    given, _ = house.guard.sign_in("Admin", once, "", HERE)
    caller = house.known(given.secret)
    assert (caller.user, caller.role, caller.must_change) == ("admin", Role.ADMIN, True)
    house.guard.change_password(caller, once, OWN, HERE)
    assert not house.known(given.secret).must_change
    assert refused(house.guard.sign_in, "admin", once, "", HERE).events, "it was to be used once"


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("short", "has 5 characters"),
        ("x" * 300, "has 300 characters"),
        ("abababababab", "2 different characters"),
        ("owner-of-the-house", "contains the name"),
    ],
)
def test_a_password_that_is_too_easy_is_refused_and_not_repeated(house: House, password: str, said: str) -> None:
    caller = house.known(house.moved_in())
    with pytest.raises(InputError, match=said) as caught:
        house.guard.change_password(caller, OWN, password, HERE)
    assert password not in str(caught.value)


# ---------------------------------------------------------------- coming in


def test_nobody_learns_whether_it_was_the_name_or_the_password(house: House) -> None:
    house.moved_in()
    wrong = refused(house.guard.sign_in, "owner", "not it at all", "", HERE)
    unknown = refused(house.guard.sign_in, "hunter2-typed-here", "not it at all", "", HERE)
    assert wrong.why == unknown.why
    (said,), (nobody,) = wrong.events, unknown.events
    assert isinstance(said, SignInRefused)
    assert isinstance(nobody, SignInRefused)
    assert (said.person, nobody.person) == ("owner", ""), "what was typed as a name may be a password"
    assert "hunter2" not in repr(unknown.events)


def test_wrong_passwords_make_waits_that_double_and_a_right_one_does_not_get_through_them(house: House) -> None:
    house.moved_in()
    waits = []
    for _ in range(10):
        caught = refused(house.guard.sign_in, "owner", "wrong password", "", HERE)
        waits.append(caught.wait_s)
        house.wait(caught.wait_s)
    assert waits == [0, 0, 0, 0, 0, 0, 2.0, 0, 4.0, 0]
    assert refused(house.guard.sign_in, "owner", OWN, "", HERE).wait_s == 8.0
    house.wait(8.0)
    assert house.guard.sign_in("owner", OWN, "", HERE)


def test_whoever_tries_many_names_from_one_address_waits_as_well(house: House) -> None:
    for number in range(21):
        refused(house.guard.sign_in, f"guess-{number}", "wrong password", "", "10.0.0.9")
    assert refused(house.guard.sign_in, "guess-x", "wrong password", "", "10.0.0.9").wait_s > 0
    assert refused(house.guard.sign_in, "guess-x", "wrong password", "", "10.0.0.8").wait_s == 0


def test_each_sign_in_gets_a_secret_of_its_own_and_one_made_before_is_worth_nothing(house: House) -> None:
    first = house.moved_in()
    second = house.guard.sign_in("owner", OWN, "", HERE)[0].secret
    assert first != second
    assert house.guard.caller("a-secret-that-was-planted") is None


def test_a_session_ends_after_its_time_and_at_once_when_it_is_signed_out(house: House) -> None:
    secret = house.moved_in()
    other = house.guard.sign_in("owner", OWN, "", HERE)[0].secret
    house.guard.sign_out(house.known(secret))
    assert house.guard.caller(secret) is None
    assert house.known(other).user == "owner"
    house.wait(house.guard.terms.session.total_seconds())
    assert house.guard.caller(other) is None


def test_a_change_of_password_ends_all_other_sessions(house: House) -> None:
    secret = house.moved_in()
    other = house.guard.sign_in("owner", OWN, "", HERE)[0].secret
    house.guard.change_password(house.known(secret), OWN, "another-long-sentence", HERE)
    assert house.known(secret).user == "owner"
    assert house.guard.caller(other) is None


# ---------------------------------------------------------------- the second factor


def test_with_a_second_factor_a_password_alone_lets_nobody_in(house: House) -> None:
    maker, _ = house.with_factor(house.moved_in())
    caught = refused(house.guard.sign_in, "owner", OWN, "", HERE)
    assert caught.code_next
    assert not caught.events, "half a sign-in is no refusal"
    house.wait(60)
    given, said = house.guard.sign_in("owner", OWN, maker.at(house.at), HERE)
    assert house.known(given.secret).user == "owner"
    assert isinstance(said[0], SignedIn)
    assert said[0].factors == ("password", "code")


def test_a_wrong_password_is_not_told_that_a_code_is_wanted(house: House) -> None:
    house.with_factor(house.moved_in())
    assert not refused(house.guard.sign_in, "owner", "wrong password", "", HERE).code_next


def test_no_code_is_taken_twice_nor_one_before_it(house: House) -> None:
    maker, _ = house.with_factor(house.moved_in())
    house.wait(90)
    code, before = maker.at(house.at), maker.at(house.at - timedelta(seconds=30))
    assert house.guard.sign_in("owner", OWN, code, HERE)
    for used in (code, before):
        assert refused(house.guard.sign_in, "owner", OWN, used, HERE).events


@pytest.mark.parametrize(("off", "taken"), [(-30, True), (30, True), (-61, False), (61, False)])
def test_a_clock_may_be_half_a_minute_off_and_no_more(off: int, taken: bool) -> None:
    seed = codes.new_seed()
    at = AT.replace(second=15)
    code = pyotp.TOTP(seed).at(at + timedelta(seconds=off))
    assert (codes.step_of(seed, code, at, 0) is not None) == taken


def test_a_recovery_code_stands_in_for_the_factor_once(house: House) -> None:
    _, recovery = house.with_factor(house.moved_in())
    assert len(set(recovery)) == 8
    _, said = house.guard.sign_in("owner", OWN, recovery[3].upper(), HERE)
    assert isinstance(said[0], SignedIn)
    assert said[0].factors == ("password", "recovery")
    assert refused(house.guard.sign_in, "owner", OWN, recovery[3], HERE).events
    assert house.guard.sign_in("owner", OWN, recovery[4], HERE)


def test_a_factor_counts_only_once_a_code_of_it_was_given(house: House) -> None:
    secret = house.moved_in()
    with pytest.raises(InputError, match="no second factor was offered"):
        house.guard.confirm_factor(house.known(secret), "123456")
    house.guard.offer_factor(house.known(secret))
    with pytest.raises(InputError, match="the code is not of the factor that was offered"):
        house.guard.confirm_factor(house.known(secret), "not one")
    assert house.guard.sign_in("owner", OWN, "", HERE), "no factor yet"


# ---------------------------------------------------------------- stepping up


def test_who_gives_the_password_again_may_do_more_for_ten_minutes(house: House) -> None:
    secret = house.moved_in()
    assert not house.known(secret).stepped_up
    refused(house.guard.step_up, house.known(secret), "wrong password", "", HERE)
    until, _ = house.guard.step_up(house.known(secret), OWN, "", HERE)
    assert until == house.at + timedelta(minutes=10)
    assert house.known(secret).stepped_up
    house.wait(600)
    assert not house.known(secret).stepped_up


def test_with_a_second_factor_stepping_up_asks_for_it(house: House) -> None:
    secret = house.moved_in()
    maker, _ = house.with_factor(secret)
    house.wait(60)
    refused(house.guard.step_up, house.known(secret), OWN, "", HERE)
    house.guard.step_up(house.known(secret), OWN, maker.at(house.at), HERE)
    assert house.known(secret).stepped_up


def test_a_token_cannot_step_up(house: House) -> None:
    token = house.guard.make_token(house.known(house.moved_in()), "a program", timedelta(days=1))[0].secret
    with pytest.raises(InputError, match="a token cannot be stepped up"):
        house.guard.step_up(house.known(token), OWN, "", HERE)


# ---------------------------------------------------------------- tokens


def test_a_token_is_limited_expires_and_can_be_revoked(house: House) -> None:
    owner = house.known(house.moved_in())
    given, said = house.guard.make_token(owner, "a notebook", timedelta(days=1), ["books:read"])
    assert given.secret not in repr(given) + repr(said) + repr(house.passes.of("owner"))
    assert house.known(given.secret).scopes == {"books:read"}
    house.guard.revoke(owner, "owner", given.kept.pass_id)
    assert house.guard.caller(given.secret) is None
    short = house.guard.make_token(owner, "short", timedelta(seconds=60))[0].secret
    house.wait(61)
    assert house.guard.caller(short) is None
    with pytest.raises(InputError, match="give up to 366 days"):
        house.guard.make_token(owner, "for ever", timedelta(days=10_000))


def test_a_token_makes_none_that_may_more_than_itself(house: House) -> None:
    owner = house.known(house.moved_in())
    narrow = house.known(house.guard.make_token(owner, "narrow", timedelta(days=1), ["*:read"])[0].secret)
    with pytest.raises(InputError, match="no token that may more than itself"):
        house.guard.make_token(narrow, "wide", timedelta(days=1), ["orders:act"])
    child = house.guard.make_token(narrow, "child", timedelta(days=1))[0].secret
    assert house.known(child).scopes == {"*:read"}


def test_what_another_process_revoked_is_known_here_within_seconds(house: House) -> None:
    secret = house.moved_in()
    given = house.passes.find(codes.digest(secret))
    assert given is not None
    assert house.known(secret).user == "owner"
    house.passes.revoke(given.pass_id, house.at)
    house.wait(KNOWN_S)
    assert house.guard.caller(secret) is None


# ---------------------------------------------------------------- others


def test_a_lower_role_counts_at_once_and_who_is_disabled_is_out(house: House) -> None:
    house.moved_in()
    guest = house.moved_in("guest", Role.TRADER)
    assert house.known(guest).role is Role.TRADER
    house.guard.change("guest", by="owner", role=Role.VIEWER)
    assert house.known(guest).role is Role.VIEWER
    house.guard.change("guest", by="owner", disabled=True)
    assert house.guard.caller(guest) is None
    assert refused(house.guard.sign_in, "guest", OWN, "", HERE).events
    house.guard.change("guest", by="owner", disabled=False)
    assert house.guard.sign_in("guest", OWN, "", HERE)


def test_one_admin_who_may_sign_in_always_remains(house: House) -> None:
    house.moved_in()
    house.moved_in("guest", Role.VIEWER)
    changes: list[Callable[[], object]] = [
        lambda: house.guard.change("owner", by="owner", role=Role.TRADER),
        lambda: house.guard.change("owner", by="owner", disabled=True),
        lambda: house.guard.remove("owner", by="owner"),
    ]
    for change in changes:
        with pytest.raises(InputError, match="owner is the last admin"):
            change()
    house.guard.change("guest", by="owner", role=Role.ADMIN)
    house.guard.remove("owner", by="guest")
    assert house.people.find("owner") is None


def test_a_reset_ends_everything_and_gives_a_password_for_once(house: House) -> None:
    secret = house.moved_in()
    house.with_factor(secret)
    once, said = house.guard.reset("owner", by="the machine's owner")
    assert [event.what for event in said if isinstance(event, AccessChanged)] == ["password", "second_factor"]
    assert house.guard.caller(secret) is None
    given, _ = house.guard.sign_in("owner", once, "", HERE)
    assert house.known(given.secret).must_change
