"""Lets people in: passwords, second factors, sessions, tokens, and who may make whom what.

Everything here is called from threads (a password takes tens of milliseconds to check) and returns what is to be
journalled with what came of it. Nothing that it raises or records contains a secret, or a name that nobody has.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from bursar.desk.guard import codes
from bursar.desk.guard.passwords import Passwords, check_password, new_password
from bursar.desk.guard.roles import Caller, Role
from bursar.desk.guard.throttle import Throttle
from bursar.domain.events import AccessChanged, Event, SignedIn, SignInRefused
from bursar.domain.people import Pass, PassKind, Person, person_name
from bursar.errors import AwayError, InputError
from bursar.ports import Passes, People

#: Begins every token, so that one that was committed by mistake can be searched for.
TOKEN_MARK = "bursar_"  # noqa: S105  # no secret
#: How long a caller who was looked up is known without looking again; one who is let go by another process may stay so.
KNOWN_S = 2.0
#: How long such a caller stays known while the database cannot be asked.
AWAY_S = 600.0
_KNOWN_MAX = 4096
_WRONG = "the name, the password or the code is wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How long things last."""

    session: timedelta = timedelta(hours=12)
    stepped_up: timedelta = timedelta(minutes=10)
    token_most: timedelta = timedelta(days=366)


class Refused(Exception):  # noqa: N818  # an outcome and no fault
    """Somebody is not let in. ``events`` are to be journalled all the same.

    wait_s     how long they have to wait before they are asked again; 0 where they need not
    code_next  True where the password was right and a code is wanted as well
    """

    def __init__(self, why: str, events: tuple[Event, ...] = (), *, wait_s: float = 0.0, code_next: bool = False):
        super().__init__(why)
        self.why, self.events, self.wait_s, self.code_next = why, events, wait_s, code_next


@dataclass(frozen=True, slots=True)
class Given:
    """A pass that was made, with the secret that is shown this once."""

    kept: Pass
    secret: str

    def __repr__(self) -> str:
        return f"Given({self.kept.pass_id})"


class Guard:
    """Knows people by what they bring. ``ticks`` counts seconds, and only rises."""

    def __init__(
        self,
        people: People,
        passes: Passes,
        now: Callable[[], datetime],
        *,
        passwords: Passwords | None = None,
        terms: Terms | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.people, self.passes = people, passes
        self.now = now
        self.terms = terms or Terms()
        self._passwords = passwords or Passwords()
        self._ticks = ticks
        # A house shares an address, so that an address may be wrong more often than a name.
        self._wrong_name, self._wrong_address = Throttle(), Throttle(free=20)
        self._known: dict[str, tuple[float, Caller]] = {}
        self._lock = threading.Lock()

    # ------------------------------------------------------------ the first start

    def first_password(self, name: str = "admin") -> tuple[str, tuple[Event, ...]] | None:
        """The password, to be used once, of the admin that is made where there is nobody; None where there is."""
        if self.people.all():
            return None
        return self.add(name, Role.ADMIN, by="first start")

    # ------------------------------------------------------------ coming in

    def sign_in(self, name: str, password: str, code: str, address: str) -> tuple[Given, tuple[Event, ...]]:
        """A session. Raises Refused, always in the same words where something was wrong."""
        tried = name.strip().lower()[:64]
        self._wait(tried, address)
        person = self._person(name)
        right = self._passwords.match(person.password if person else None, password)
        if person is None or not right or person.disabled:
            why = "disabled" if person and person.disabled and right else "a wrong password"
            raise self._refused(person, tried, address, why)
        if person.seed and not code:
            raise Refused("a code is wanted as well", code_next=True)
        person, factors = self._second_factor(person, code, address)
        if self._passwords.weak(person.password):
            person = self.people.keep(replace(person, password=self._passwords.hashed(password)))
        with self._lock:
            self._wrong_name.passed(tried)
            self._wrong_address.passed(address)
        self.passes.sweep(self.now() - self.terms.session)
        given = self._give(PassKind.SESSION, person, self.terms.session, label=f"signed in from {address}")
        said = SignedIn(
            event_id=_fresh(), at=self.now(), person=person.name, address=address, factors=("password", *factors)
        )
        return given, (said,)

    def caller(self, secret: str) -> Caller | None:
        """Who brings ``secret``; None for nobody we know any more."""
        digest = codes.digest(secret)
        ticks = self._ticks()
        with self._lock:
            known = self._known.get(digest)
        if known and ticks - known[0] < KNOWN_S:
            return known[1]
        try:
            given = self.passes.find(digest)
            person = self.people.find(given.person) if given else None
        except (SQLAlchemyError, AwayError):
            # The database is away. Who was in a moment ago must still reach the kill switch; nobody else gets in.
            if known and ticks - known[0] < AWAY_S:
                return known[1]
            raise
        now = self.now()
        if given is None or person is None or person.disabled or not given.valid(now):
            self._forget(digest)
            return None
        caller = Caller(
            user=person.name,
            role=person.role,
            scopes=frozenset(given.scopes),
            stepped_up=given.stepped_up is not None and now < given.stepped_up,
            must_change=person.must_change,
            pass_id=given.pass_id,
        )
        with self._lock:
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            self._known[digest] = (ticks, caller)
        return caller

    def step_up(self, caller: Caller, password: str, code: str, address: str) -> tuple[datetime, tuple[Event, ...]]:
        """Until when ``caller`` may do what needs the password again. Raises Refused as ``sign_in`` does.

        A token cannot: what it could show again would have to lie beside it.
        """
        given = self._own(caller, caller.pass_id)
        if given.kind is PassKind.TOKEN:
            raise InputError("a token cannot be stepped up; sign in for what needs it")
        person = self._named(caller.user)
        self._prove(person, password, code, address)
        until = min(self.now() + self.terms.stepped_up, given.expires_at)
        self.passes.keep(replace(given, stepped_up=until))
        self._forget(given.digest)
        return until, (self._changed("stepped_up", person.name, person.name),)

    def sign_out(self, caller: Caller) -> tuple[Event, ...]:
        """End the session, or the token, that ``caller`` came with."""
        return self.revoke(caller, caller.user, caller.pass_id, what="signed_out")

    # ------------------------------------------------------------ one's own

    def change_password(self, caller: Caller, old: str, new: str, address: str) -> tuple[Event, ...]:
        """Choose another password; all other sessions of the person end. Raises Refused for a wrong old one."""
        person = self._named(caller.user)
        self._prove(person, old, None, address)
        check_password(new, person.name)
        if new == old:
            raise InputError("the new password is the old one; give another")
        self.people.keep(replace(person, password=self._passwords.hashed(new), must_change=False))
        self._end_all(person.name, kinds=(PassKind.SESSION,), but=caller.pass_id)
        return (self._changed("password", person.name, person.name),)

    def offer_factor(self, caller: Caller) -> str:
        """The address of a new second factor, which counts once a code of it was given."""
        person = self._named(caller.user)
        seed = codes.new_seed()
        self.people.keep(replace(person, seed_offered=seed))
        return codes.address(seed, person.name)

    def confirm_factor(self, caller: Caller, code: str) -> tuple[tuple[str, ...], tuple[Event, ...]]:
        """Make what was offered the second factor; returns the codes for whoever loses it, which are shown once."""
        person = self._named(caller.user)
        if not person.seed_offered:
            raise InputError("no second factor was offered; ask for one first")
        step = codes.step_of(person.seed_offered, code, self.now(), 0)
        if step is None:
            raise InputError(
                "the code is not of the factor that was offered; see that the clock of your device is right"
            )
        recovery = codes.new_recovery()
        kept = tuple(codes.digest(each) for each in recovery)
        self.people.keep(replace(person, seed=person.seed_offered, seed_offered="", step=step, recovery=kept))
        return recovery, (self._changed("second_factor", person.name, person.name, "set up"),)

    def make_token(
        self, caller: Caller, label: str, lasts: timedelta, scopes: Iterable[str] = ()
    ) -> tuple[Given, tuple[Event, ...]]:
        """A token for a program, limited to ``scopes``; none means all that its owner may."""
        if not timedelta(0) < lasts <= self.terms.token_most:
            raise InputError(f"a token cannot last {lasts}; give up to {self.terms.token_most.days} days")
        wanted = sorted(set(scopes))
        if caller.scopes and not set(wanted) <= caller.scopes:
            raise InputError("a token makes no token that may more than itself; name scopes that it has")
        if caller.scopes and not wanted:
            wanted = sorted(caller.scopes)
        given = self._give(PassKind.TOKEN, self._named(caller.user), lasts, label=label, scopes=tuple(wanted))
        return given, (self._changed("token_made", caller.user, caller.user, label),)

    def passes_of(self, name: str) -> tuple[Pass, ...]:
        """Sessions and tokens of somebody that still let them in."""
        now = self.now()
        return tuple(each for each in self.passes.of(name) if each.valid(now))

    def revoke(self, caller: Caller, whose: str, pass_id: str, *, what: str = "pass_revoked") -> tuple[Event, ...]:
        """End a session or token at once. InputError where ``whose`` has none of that name."""
        given = self._pass(whose, pass_id)
        self.passes.revoke(pass_id, self.now())
        self._forget(given.digest)
        return (self._changed(what, whose, caller.user, given.label),)

    # ------------------------------------------------------------ others

    def add(self, name: str, role: Role, *, by: str) -> tuple[str, tuple[Event, ...]]:
        """Let somebody in; returns the password that they use once and then change.

        What was left of one who had the name before lets nobody in.
        """
        name, password = person_name(name), new_password()
        hashed = self._passwords.hashed(password)
        if self.people.find(name) is None:
            self._end_all(name)
        self.people.keep(Person(name=name, role=role, password=hashed, made_at=self.now(), must_change=True))
        return password, (self._changed("person_added", name, by, role.word),)

    def moved(self, name: str, by: str) -> AccessChanged:
        """The word that somebody came along from where people were kept before."""
        return self._changed("person_added", name, by, f"moved, as {self._named(name).role.word}")

    def change(
        self, name: str, *, by: str, role: Role | None = None, disabled: bool | None = None
    ) -> tuple[Person, tuple[Event, ...]]:
        """Give somebody another role, or let them in no more; one admin who may sign in always remains."""
        person = self._named(name)
        wanted = replace(
            person,
            role=person.role if role is None else role,
            disabled=person.disabled if disabled is None else disabled,
        )
        self._keep_an_admin(person, wanted)
        kept = self.people.keep(wanted)
        if wanted.disabled:
            self._end_all(name)
        self._forget()
        said: list[Event] = []
        if wanted.role != person.role:
            said.append(self._changed("role", name, by, wanted.role.word))
        if wanted.disabled != person.disabled:
            said.append(self._changed("disabled" if wanted.disabled else "enabled", name, by))
        return kept, tuple(said)

    def reset(self, name: str, *, by: str) -> tuple[str, tuple[Event, ...]]:
        """A password to be used once, and no second factor: for whoever lost both. All their passes end."""
        person = self._named(name)
        password = new_password()
        hashed = self._passwords.hashed(password)
        self.people.keep(replace(person, password=hashed, must_change=True, seed="", seed_offered="", recovery=()))
        self._end_all(name)
        said = [self._changed("password", name, by, "reset")]
        if person.seed:
            said.append(self._changed("second_factor", name, by, "taken away"))
        return password, tuple(said)

    def remove(self, name: str, *, by: str) -> tuple[Event, ...]:
        """Forget somebody, and end what they came with."""
        person = self._named(name)
        self._keep_an_admin(person, None)
        self._end_all(name)
        self.people.remove(person)
        self._forget()
        return (self._changed("person_removed", name, by),)

    # ------------------------------------------------------------ within

    def _person(self, name: str) -> Person | None:
        try:
            known = person_name(name)
        except InputError:
            return None
        return self.people.find(known)

    def _named(self, name: str) -> Person:
        person = self.people.find(name)
        if person is None:
            raise InputError(f"nobody is called {name}; see who there is")
        return person

    def _own(self, caller: Caller, pass_id: str) -> Pass:
        return self._pass(caller.user, pass_id)

    def _pass(self, whose: str, pass_id: str) -> Pass:
        for given in self.passes.of(whose):
            if given.pass_id == pass_id:
                return given
        raise InputError(f"{whose} has no session or token called {pass_id[:64]}")

    def _prove(self, person: Person, password: str, code: str | None, address: str) -> None:
        """Check that it is still ``person``; ``code`` None where a password alone is enough."""
        self._wait(person.name, address)
        if not self._passwords.match(person.password, password):
            raise self._refused(person, person.name, address, "a wrong password")
        if code is not None:
            self._second_factor(person, code, address)

    def _wait(self, name: str, address: str) -> None:
        """Raise Refused for who was wrong too often a moment ago."""
        with self._lock:
            now = self._ticks()
            wait = max(self._wrong_name.wait(name, now), self._wrong_address.wait(address, now))
        if wait:
            raise Refused("too many wrong passwords", wait_s=wait)

    def _second_factor(self, person: Person, code: str, address: str) -> tuple[Person, tuple[str, ...]]:
        """The person with the code used up, and what was shown. Raises Refused for a wrong code and for a used one."""
        if not person.seed:
            return person, ()
        step = codes.step_of(person.seed, code, self.now(), person.step)
        if step is not None:
            # Of two who show one code at once, the second finds the person changed since.
            return self.people.keep(replace(person, step=step)), ("code",)
        left = codes.without(person.recovery, code)
        if left is not None:
            return self.people.keep(replace(person, recovery=left)), ("recovery",)
        raise self._refused(person, person.name, address, "a wrong code")

    def _refused(self, person: Person | None, tried: str, address: str, why: str) -> Refused:
        with self._lock:
            self._wrong_name.failed(tried, self._ticks())
            self._wrong_address.failed(address, self._ticks())
        said = SignInRefused(
            event_id=_fresh(), at=self.now(), person=person.name if person else "", address=address, why=why
        )
        return Refused(_WRONG, (said,))

    def _give(
        self, kind: PassKind, person: Person, lasts: timedelta, *, label: str, scopes: tuple[str, ...] = ()
    ) -> Given:
        secret = (TOKEN_MARK if kind is PassKind.TOKEN else "") + secrets.token_urlsafe(32)
        now = self.now()
        kept = Pass(
            pass_id=secrets.token_hex(6),
            kind=kind,
            person=person.name,
            digest=codes.digest(secret),
            made_at=now,
            expires_at=now + lasts,
            label=label,
            scopes=scopes,
        )
        self.passes.keep(kept)
        return Given(kept, secret)

    def _keep_an_admin(self, person: Person, wanted: Person | None) -> None:
        others = [each for each in self.people.all() if each.name != person.name]
        left = [*others, *([wanted] if wanted else [])]
        if not any(each.role is Role.ADMIN and not each.disabled for each in left):
            raise InputError(f"{person.name} is the last admin; make another one first")

    def _end_all(self, name: str, *, kinds: tuple[PassKind, ...] = tuple(PassKind), but: str = "") -> None:
        for given in self.passes_of(name):
            if given.kind in kinds and given.pass_id != but:
                self.passes.revoke(given.pass_id, self.now())
        self._forget()

    def _forget(self, digest: str | None = None) -> None:
        """Look again at the next request."""
        with self._lock:
            if digest is None:
                self._known.clear()
            else:
                self._known.pop(digest, None)

    def _changed(self, what: str, whom: str, by: str, detail: str = "") -> AccessChanged:
        return AccessChanged(event_id=_fresh(), at=self.now(), what=what, whom=whom, by=by, detail=detail)


def _fresh() -> str:
    return f"access-{secrets.token_hex(8)}"
