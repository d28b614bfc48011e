//! Virtual time: how many tokens a tenant of weight 1 has had. It has no unit that a clock knows.

/// A weight's part of a tag must not round away: a tenant of weight 1,000 pays 2^20 / 1,000 per token.
const PER_TOKEN: u128 = 1 << 20;

/// A point in virtual time. 128 bits of it are not used up in this world's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Tag(u128);

impl Tag {
    /// So many tokens later for one of this `weight`; 0 is taken for 1.
    pub(super) fn after(self, tokens: u64, weight: u16) -> Self {
        Self(self.0.saturating_add(span(tokens, weight)))
    }

    /// So many tokens earlier for one of this `weight`.
    pub(super) fn before(self, tokens: u64, weight: u16) -> Self {
        Self(self.0.saturating_sub(span(tokens, weight)))
    }

    /// The tokens that one of this `weight` gets from `earlier` until now, rounded up.
    pub(super) fn tokens_since(self, earlier: Self, weight: u16) -> u64 {
        let span = self.0.saturating_sub(earlier.0);
        let tokens = span
            .saturating_mul(u128::from(weight.max(1)))
            .div_ceil(PER_TOKEN);
        u64::try_from(tokens).unwrap_or(u64::MAX)
    }
}

fn span(tokens: u64, weight: u16) -> u128 {
    u128::from(tokens) * PER_TOKEN / u128::from(weight.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_weighs_more_comes_less_far_with_the_same_tokens() {
        let zero = Tag::default();
        assert!(zero.after(100, 2) < zero.after(100, 1));
        assert_eq!(zero.after(100, 2), zero.after(50, 1));
        assert_eq!(zero.after(7, 0), zero.after(7, 1));
    }

    #[test]
    fn the_way_back_is_the_way_there_and_no_number_is_too_large() {
        for weight in [1, 3, 700, u16::MAX] {
            let (tag, far) = (Tag::default().after(5, 1), u64::MAX);
            assert_eq!(tag.after(far, weight).before(far, weight), tag);
            let tokens = tag.after(12_345, weight).tokens_since(tag, weight);
            assert_eq!(tokens, 12_345, "{weight}");
        }
        assert_eq!(Tag::default().before(9, 1), Tag::default());
    }
}
