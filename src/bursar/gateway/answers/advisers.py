"""An adviser's groups and aliases, as one client asks for them and replaces them."""

from __future__ import annotations

from bursar.errors import InputError
from bursar.gateway.advisers import ALIASES, GROUPS, PROFILES, Advice
from bursar.gateway.answers import Answers, Messages
from bursar.gateway.commands import ReplaceFA
from bursar.gateway.hub import Hub
from bursar.gateway.messages import replies as r
from bursar.gateway.messages import requests as q

NO_ADVISER = "Error validating request.-'bW' : cause - FA data operations ignored for non FA customers."
NO_PROFILES = (
    "Error validating request.-'bW' : cause - Not supported by this gateway: allocation profiles; groups carry their "
    "amounts, as they do since version 177"
)


class AdviserAnswers:
    """See the module."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._exchange = hub.exchange

    @property
    def answers(self) -> Answers:
        return {q.RequestFA: self._request, q.ReplaceFA: self._replace}

    def _request(self, request: q.RequestFA) -> Messages:
        if refused := self._refused(request.fa_data_type):
            yield r.ErrMsg(req_id=r.NO_REQUEST, code=321, text=refused)
            return
        told = self._exchange.advice.told(request.fa_data_type)
        yield r.ReceiveFA(fa_data_type=request.fa_data_type, xml=told)

    def _replace(self, request: q.ReplaceFA) -> Messages:
        refused = self._refused(request.fa_data_type)
        if refused is None:
            try:
                Advice(self._exchange.accounts).replace(request.fa_data_type, request.xml)
            except InputError as error:
                refused = f"Error validating request.-'bW' : cause - {error}"
        if refused:
            yield r.ErrMsg(req_id=request.req_id, code=321, text=refused)
            return
        self._hub.do(ReplaceFA(kind_of_data=request.fa_data_type, xml=request.xml))
        yield r.ReplaceFAEnd(req_id=request.req_id, text="success")

    def _refused(self, kind: int) -> str | None:
        if not self._exchange.terms.adviser:
            return NO_ADVISER
        if kind == PROFILES:
            return NO_PROFILES
        return (
            None
            if kind in (GROUPS, ALIASES)
            else f"Error validating request.-'bW' : cause - Invalid FA data type {kind}"
        )
