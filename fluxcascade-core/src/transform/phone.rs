//! Phones as E.164, by the metadata of libphonenumber.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};

use super::{Refusal, Shape, Transform, each_text};
use crate::model::Slot;

/// Makes phones E.164, both ways.
#[derive(Debug)]
pub(super) struct PhoneE164 {
    region: Region,
}

impl PhoneE164 {
    pub(super) fn new(region: &str) -> Result<Self, Refusal> {
        parse_region(region).map(|region| Self { region }).ok_or_else(|| {
            Refusal(format!("phone_e164 does not know the region {region:?}: use a code like US"))
        })
    }
}

fn parse_region(code: &str) -> Option<Region> {
    let region = Region::from_code(code).ok()?;
    PHONE_NUMBER_UTIL.get_supported_regions().any(|known| known == region).then_some(region)
}

/// The E.164 form, if the text is a number that exists in a numbering plan; numbers without a
/// country code are of the region.
pub(crate) fn e164(text: &str, region: &str) -> Option<String> {
    format_e164(text, parse_region(region)?)
}

fn format_e164(text: &str, region: Region) -> Option<String> {
    let number = PHONE_NUMBER_UTIL.parse(text, Some(region)).ok()?;
    PHONE_NUMBER_UTIL
        .is_valid_number(&number)
        .then(|| PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned())
}

impl Transform for PhoneE164 {
    fn name(&self) -> &'static str {
        "phone_e164"
    }

    fn shape(&self) -> Shape {
        Shape::Each
    }

    fn forward(&self, source: &[Slot]) -> Result<Vec<Slot>, Refusal> {
        each_text(source, &|text| {
            format_e164(text, self.region).ok_or_else(|| {
                Refusal(format!(
                    "this is no phone number of {} or with a country code",
                    self.region
                ))
            })
        })
    }

    fn backward(&self, target: &[Slot]) -> Result<Vec<Slot>, Refusal> {
        self.forward(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Value;

    #[test]
    fn a_number_becomes_e164_and_keeps_it() {
        let phone = PhoneE164::new("US").unwrap();
        let out = phone.forward(&[Value::from("(256) 593-8310").into()]).unwrap();
        assert_eq!(out, [Slot::Present("+12565938310".into())]);
        assert_eq!(phone.backward(&out).unwrap(), out);
        assert!(phone.forward(&[Value::from("call me").into()]).is_err());
    }

    #[test]
    fn an_unknown_region_is_refused() {
        assert!(PhoneE164::new("USA").is_err());
    }
}
