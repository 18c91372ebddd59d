//! TensorFlow's version numbers and the range that is supported.

use std::fmt;

/// A release such as 2.21.0. Compared by its three numbers; a suffix such as `-rc1` is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// 2 in 2.21.0.
    pub major: u32,
    /// 21 in 2.21.0.
    pub minor: u32,
    /// 0 in 2.21.0.
    pub patch: u32,
}

impl Version {
    /// The oldest release that is supported.
    pub const OLDEST: Self = Self {
        major: 2,
        minor: 14,
        patch: 0,
    };
    /// The first release that is not supported any more.
    pub const TOO_NEW: Self = Self {
        major: 3,
        minor: 0,
        patch: 0,
    };
    /// The supported range in words.
    pub const NEEDED: &'static str = "2.14 or newer, below 3";

    /// Reads `major.minor[.patch][suffix]`. `None` if it does not begin like that.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().splitn(3, '.');
        let major = parts.next()?.parse().ok()?;
        let minor = leading_number(parts.next()?)?;
        let patch = parts.next().map_or(Some(0), leading_number)?;
        Some(Self {
            major,
            minor,
            patch,
        })
    }

    /// Whether this crate works with the release.
    pub fn is_supported(self) -> bool {
        Self::OLDEST <= self && self < Self::TOO_NEW
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_read_and_compared_by_number() {
        let version = |text| Version::parse(text).expect("a version");
        assert_eq!(version("2.21.0").to_string(), "2.21.0");
        assert_eq!(version("2.18.0-rc1"), version("2.18.0"));
        assert!(version("2.9.3") < version("2.14.0"));
        for supported in ["2.14.0", "2.14.1", "2.21.0", "2.99"] {
            assert!(version(supported).is_supported(), "{supported}");
        }
        for refused in ["1.15.5", "2.4.0", "2.13.1", "3.0.0", "3.0.0-rc0"] {
            assert!(!version(refused).is_supported(), "{refused}");
        }
        for nonsense in ["", "2", "x.y.z", "2.x", "2.1.x", "99999999999.1.0"] {
            assert_eq!(Version::parse(nonsense), None, "{nonsense}");
        }
    }
}
