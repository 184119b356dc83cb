//! Steps and their actions.

use super::{Error, enumeration, list, optional, required, same_variants};
use crate::v1;
use crate::v1::action::Kind;
use lockstep_core::Engine;
use lockstep_core::step::{Action, Assertion, Backfill, ClientRequirement, Phase, Step};

same_variants!(v1::Engine, Engine, Sqlite, Postgres, Mariadb, Mysql);
same_variants!(v1::Phase, Phase, Expand, Backfill, Validate, SwitchWrites, SwitchReads, Contract);

impl From<ClientRequirement> for v1::ClientRequirement {
    fn from(value: ClientRequirement) -> Self {
        match value {
            ClientRequirement::Nothing => Self::Nothing,
            ClientRequirement::Understands => Self::Understands,
        }
    }
}

impl TryFrom<v1::ClientRequirement> for ClientRequirement {
    type Error = Error;

    fn try_from(value: v1::ClientRequirement) -> Result<Self, Error> {
        Ok(match value {
            v1::ClientRequirement::Unspecified | v1::ClientRequirement::Nothing => Self::Nothing,
            v1::ClientRequirement::Understands => Self::Understands,
        })
    }
}

impl From<Step> for v1::Step {
    fn from(step: Step) -> Self {
        Self {
            name: step.name,
            phase: v1::Phase::from(step.phase).into(),
            forward: Some(step.forward.into()),
            revert: step.revert.map(Into::into),
            preconditions: step.preconditions.into_iter().map(Into::into).collect(),
            targets: step.targets,
            client_requirement: v1::ClientRequirement::from(step.requires).into(),
            needs_approval: step.needs_approval,
        }
    }
}

impl TryFrom<v1::Step> for Step {
    type Error = Error;

    fn try_from(step: v1::Step) -> Result<Self, Error> {
        Ok(Self {
            name: step.name,
            phase: enumeration::<v1::Phase, _>("phase", step.phase)?,
            forward: required("forward", step.forward)?,
            revert: optional("revert", step.revert)?,
            preconditions: list("preconditions", step.preconditions)?,
            targets: step.targets,
            requires: enumeration::<v1::ClientRequirement, _>("client_requirement", step.client_requirement)?,
            needs_approval: step.needs_approval,
        })
    }
}

impl From<Action> for v1::Action {
    fn from(action: Action) -> Self {
        let kind = match action {
            Action::Nothing => Kind::Nothing(v1::NothingAction {}),
            Action::Statements { statements, transactional } => {
                Kind::Statements(v1::StatementsAction { statements, transactional })
            }
            Action::Backfill(backfill) => Kind::Backfill(backfill.into()),
            Action::Assert { assertions } => Kind::Assertions(v1::AssertionsAction {
                assertions: assertions.into_iter().map(Into::into).collect(),
            }),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<v1::Action> for Action {
    type Error = Error;

    fn try_from(action: v1::Action) -> Result<Self, Error> {
        Ok(match action.kind.ok_or_else(|| Error::new("kind", "is not set"))? {
            Kind::Nothing(v1::NothingAction {}) => Self::Nothing,
            Kind::Statements(v1::StatementsAction { statements, transactional }) => {
                Self::Statements { statements, transactional }
            }
            Kind::Backfill(backfill) => Self::Backfill(backfill.into()),
            Kind::Assertions(v1::AssertionsAction { assertions }) => {
                Self::Assert { assertions: list("assertions.assertions", assertions)? }
            }
        })
    }
}

impl From<Backfill> for v1::BackfillAction {
    fn from(backfill: Backfill) -> Self {
        Self {
            table: backfill.table,
            key_columns: backfill.key,
            set_clause: backfill.set,
            only_where: backfill.only_where,
            batch_rows_max: backfill.batch_rows_max,
        }
    }
}

impl From<v1::BackfillAction> for Backfill {
    fn from(backfill: v1::BackfillAction) -> Self {
        Self {
            table: backfill.table,
            key: backfill.key_columns,
            set: backfill.set_clause,
            only_where: backfill.only_where,
            batch_rows_max: backfill.batch_rows_max,
        }
    }
}

impl From<Assertion> for v1::Assertion {
    fn from(assertion: Assertion) -> Self {
        Self { name: assertion.name, violations_query: assertion.violations_query }
    }
}

impl TryFrom<v1::Assertion> for Assertion {
    type Error = Error;

    fn try_from(assertion: v1::Assertion) -> Result<Self, Error> {
        Ok(Self { name: assertion.name, violations_query: assertion.violations_query })
    }
}
