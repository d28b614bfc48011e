//! US dollars as people write them, and millionths of them as the API counts.

use serde_json::Value;

/// Millionths in a dollar.
const MICRO: u64 = 1_000_000;

/// Reads an amount such as `12`, `12.5` or `0.000001`.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no amount of US dollars; write it as 250 or 12.50");
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 6 {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let part: u64 = format!("{part:0<6}").parse().map_err(|_| wrong())?;
    let micro = whole.checked_mul(MICRO).and_then(|m| m.checked_add(part));
    micro.ok_or_else(wrong)
}

/// An amount as it came, such as `$12.50`; what is no amount is shown as it is.
pub(super) fn said(amount: &Value) -> String {
    let Some(micro) = amount.as_u64() else {
        return amount.to_string();
    };
    let part = format!("{:06}", micro % MICRO);
    let part = part.trim_end_matches('0');
    format!("${}.{part:0<2}", micro / MICRO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_exactly_and_said_with_its_cents() {
        for (text, micro, said_as) in [
            ("250", 250_000_000, "$250.00"),
            ("12.5", 12_500_000, "$12.50"),
            ("0.000001", 1, "$0.000001"),
            ("0", 0, "$0.00"),
        ] {
            assert_eq!(parse(text), Ok(micro), "{text}");
            assert_eq!(said(&micro.into()), said_as);
        }
        for bad in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "1,5",
            "1e3",
            "0.0000001",
            "99999999999999",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
