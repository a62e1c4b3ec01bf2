//! Ages: as a user demands them (`7d`), and as they are shown.

use std::fmt;
use std::str::FromStr;

/// Units by their seconds, the largest first.
const UNITS: [(&str, u64); 5] = [("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];

/// A number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Age(u64);

impl Age {
    /// The age now of what happened at `time` (Unix seconds). What is yet to happen has none.
    pub(super) fn since(time: u64, now: u64) -> Self {
        Self(now.saturating_sub(time))
    }
}

impl FromStr for Age {
    type Err = String;

    /// Parses a whole number and its unit.
    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected a whole number and a unit, s, m, h, d or w: 12h, 7d".to_owned();
        let (name, seconds) = UNITS.into_iter().find(|(name, _)| text.ends_with(*name)).ok_or_else(expected)?;
        let number = &text[..text.len() - name.len()];
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(expected());
        }
        let number: Option<u64> = number.parse().ok();
        let age = number.and_then(|number| number.checked_mul(seconds));
        age.map(Self).ok_or_else(|| "longer than any tag has been there".to_owned())
    }
}

impl fmt::Display for Age {
    /// Shows the two largest of days, hours, minutes and seconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let parts = UNITS[1..].iter().map(|(name, seconds)| {
            let number = rest / seconds;
            rest %= seconds;
            (number, *name)
        });
        let parts: Vec<_> = parts.skip_while(|(number, _)| *number == 0).take(2).collect();
        let shown: Vec<String> =
            parts.iter().filter(|(number, _)| *number > 0).map(|(number, name)| format!("{number}{name}")).collect();
        f.write_str(if shown.is_empty() { "0s".to_owned() } else { shown.join(" ") }.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_whole_number_with_a_unit() {
        for (text, seconds) in
            [("0s", 0), ("90s", 90), ("5m", 300), ("12h", 43_200), ("7d", 604_800), ("2w", 1_209_600)]
        {
            assert_eq!(text.parse(), Ok(Age(seconds)), "{text}");
        }
        let nonsense = [
            "", "7", "d", "-7d", "+7d", "7 d", " 7d", "7d ", "1.5d", "7D", "7days", "7y", "1d12h", "٣d", "0x7d", "7µs",
            "7ms",
        ];
        for text in nonsense {
            assert!(text.parse::<Age>().is_err_and(|error| error.starts_with("expected ")), "{text}");
        }
        for text in ["18446744073709551615s", "213503982334601d"] {
            assert!(text.parse::<Age>().is_ok(), "{text}");
        }
        for text in ["18446744073709551616s", "18446744073709551615m", "213503982334602d", "99999999999999999999w"] {
            assert_eq!(text.parse::<Age>(), Err("longer than any tag has been there".to_owned()), "{text}");
        }
    }

    #[test]
    fn an_age_is_shown_by_its_two_largest_units() {
        let cases =
            [(0, "0s"), (59, "59s"), (60, "1m"), (3661, "1h 1m"), (3601, "1h"), (604_800, "7d"), (90_061, "1d 1h")];
        for (seconds, shown) in cases {
            assert_eq!(Age(seconds).to_string(), shown);
        }
        assert_eq!(Age::since(10, 7), Age(0), "a clock that is behind the log's");
    }
}
