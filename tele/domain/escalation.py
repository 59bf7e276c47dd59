"""The escalation policy as data: who is rung for how long, and what follows; checked, then frozen into a request."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Urgency = Literal["routine", "urgent", "emergency"]
URGENCIES: tuple[Urgency, ...] = ("emergency", "urgent", "routine")
"""Most pressing first: the order in which waiting requests get the next free specialist."""

RingSeconds = Annotated[int, Field(ge=1, le=3600)]
WaitSeconds = Annotated[int, Field(ge=1, le=7 * 24 * 3600)]


class Step(BaseModel):
    """One step. `on-call` rings the specialists on call and free, one after the other or all at once, each for
    `seconds`; `practitioner` rings the one who is named, if on call and free; `coordinator` calls the coordinators and
    waits `seconds` before the step after it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    who: Literal["on-call", "practitioner", "coordinator"]
    seconds: RingSeconds = 30
    ring: Literal["one", "all"] = "one"
    practitioner: str | None = None

    @model_validator(mode="after")
    def _named(self) -> Step:
        if (self.who == "practitioner") != (self.practitioner is not None):
            raise ValueError("a step names a practitioner exactly when its `who` is `practitioner`")
        return self


class Policy(BaseModel):
    """What is frozen into a request when paging starts. Every duration is in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=20)]
    snooze_s: RingSeconds = 600
    again_s: WaitSeconds | None = None
    """After the last step, how long until everyone who let it ring is rung once more; None: only on a change."""
    page_lost_s: Annotated[int, Field(ge=0, le=60)] = 5
    """How long a ringing specialist's last page may be gone (a reload) before other channels or the next are used."""
    away_s: RingSeconds = 120
    """How long a ring lasts that only channels other than an open page (e-mail, a webhook) can carry."""
    reply_s: WaitSeconds = 3600
    """How long a request may wait for the GP's reply to a question before the coordinators are called."""
    promise_s: WaitSeconds = 300
    """Within which time a request should be accepted: green up to half of it, red past it."""

    @model_validator(mode="after")
    def _ends_with_a_person(self) -> Policy:
        if not any(step.who != "coordinator" for step in self.steps):
            raise ValueError("a policy rings somebody before it calls the coordinator")
        if self.steps[-1].who != "coordinator":
            raise ValueError("the last step of a policy is `coordinator`, so that no request is left alone")
        return self

    def ring_seconds(self, step: int) -> int:
        """How long one ring lasts at `step`; at a coordinator's step as long as at the nearest ring step before it."""
        rings = [at for at, one in enumerate(self.steps) if one.who != "coordinator"]
        return self.steps[max((at for at in rings if at <= step), default=rings[0])].seconds


class Rule(BaseModel):
    """A policy and what it is for; a field left out matches everything."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    urgency: Urgency | None = None
    specialty: str | None = None
    organisation: str | None = None
    policy: Policy

    def fits(self, urgency: str, specialty: str, organisation: str) -> bool:
        asked = (urgency, specialty, organisation)
        return all(want in (None, got) for want, got in zip(self._wants, asked, strict=True))

    @property
    def precision(self) -> int:
        """How many of its fields are given."""
        return sum(want is not None for want in self._wants)

    @property
    def _wants(self) -> tuple[str | None, ...]:
        return (self.urgency, self.specialty, self.organisation)


class Policies(BaseModel):
    """The whole of `config/escalation.yaml`: of the rules that fit, the most precise, and of equals the first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    switch_hours: Annotated[int, Field(ge=1, le=72)] = 12
    """How long a specialist's own switch stays on when no planned hours say otherwise."""
    rules: Annotated[tuple[Rule, ...], Field(min_length=3, max_length=500)]

    @model_validator(mode="after")
    def _every_urgency(self) -> Policies:
        plain = {rule.urgency for rule in self.rules if rule.specialty is None and rule.organisation is None}
        if missing := [urgency for urgency in URGENCIES if urgency not in plain and None not in plain]:
            raise ValueError(f"no rule for every {', '.join(missing)} request")
        return self

    def choose(self, urgency: str, specialty: str, organisation: str) -> Policy:
        """The policy to freeze into a new request of this kind."""
        fitting = [rule for rule in self.rules if rule.fits(urgency, specialty, organisation)]
        return max(fitting, key=lambda rule: rule.precision).policy
