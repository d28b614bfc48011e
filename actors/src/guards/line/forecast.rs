//! Who would go before one more: a forecast from the tags, were nobody else to come.

use super::{Amount, Asker, Line};

impl<T> Line<T> {
    /// Calls that would go before the asker's. It takes time linear in the tenants.
    pub(in crate::guards) fn ahead_of(&self, asker: &Asker<'_>) -> usize {
        let lane = self.names.get(asker.tenant);
        let own = lane.and_then(|lane| self.lanes.get(lane.0));
        let backlog = own.map_or_else(Amount::default, |own| own.queue.backlog(asker.priority));
        let start = own.map_or_else(|| self.newcomers_tag(), |own| self.start_of(own));
        let turn = start.after(backlog.tokens, asker.weight);
        let others = self.lanes.iter().filter(|other| {
            other.tenant.as_ref() != Some(asker.tenant) && other.ringed != [None, None]
        });
        let ahead = others.map(|other| {
            let all = other.queue.total();
            let tokens = turn.tokens_since(other.start, other.weight).min(all.tokens);
            // At least its first: a call that has its turn goes whole.
            let calls = u128::from(tokens) * u128::from(all.calls) / u128::from(all.tokens.max(1));
            u64::try_from(calls)
                .unwrap_or(u64::MAX)
                .saturating_add(1)
                .min(all.calls)
        });
        let ahead = ahead.fold(backlog.calls, u64::saturating_add);
        usize::try_from(ahead.min(self.waiting.calls)).unwrap_or(usize::MAX)
    }

    /// What of the asker's tenant waits and would go before it, and of its task.
    pub(in crate::guards) fn backlog_of(&self, asker: &Asker<'_>) -> (Amount, Amount) {
        let lane = self.names.get(asker.tenant);
        lane.and_then(|lane| self.lanes.get(lane.0))
            .map_or_else(Default::default, |own| {
                let of_task = own.queue.backlog_of(asker.task, asker.priority);
                (own.queue.backlog(asker.priority), of_task)
            })
    }

    /// Where one more of a tenant would start, were nobody of it in line.
    fn start_of(&self, own: &super::Waiters<T>) -> super::Tag {
        let now = self.newcomers_tag();
        match own.ringed {
            [None, None] if own.period != self.period => now,
            [None, None] => own.start.max(now),
            [Some(_), _] | [_, Some(_)] => own.start,
        }
    }
}
