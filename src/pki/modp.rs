//! The prime fields of travel documents, for Diffie-Hellman without curves (RFC 5114, section 2; BSI TR-03110-3, table
//! 4). A number is an octet string as long as the prime.

use hex_literal::hex;
use rand_chacha::rand_core::Rng;
use zeroize::Zeroizing;

use super::elliptic::Scalar;
use super::modular::{power, product, quotient, remainder};

/// The groups that are known here, by the number of their standardized domain parameters.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ModpGroup {
    /// A prime of 1,024 bits and a subgroup whose order has 160.
    P1024Q160 = 0,
    /// A prime of 2,048 bits and a subgroup whose order has 224.
    P2048Q224 = 1,
    /// A prime of 2,048 bits and a subgroup whose order has 256.
    P2048Q256 = 2,
}

impl ModpGroup {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::P1024Q160, Self::P2048Q224, Self::P2048Q256];

    /// By the number of standardized domain parameters.
    #[must_use]
    pub fn from_parameter_id(id: u32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|group| u32::from(group.parameter_id()) == id)
    }

    /// The number of standardized domain parameters.
    #[must_use]
    pub fn parameter_id(self) -> u8 {
        self as u8
    }

    /// The prime.
    #[must_use]
    pub fn prime(self) -> &'static [u8] {
        self.parameters()[0]
    }

    /// The generator of the subgroup.
    #[must_use]
    pub fn generator(self) -> &'static [u8] {
        self.parameters()[1]
    }

    /// The order of the subgroup, a prime.
    #[must_use]
    pub fn order(self) -> &'static [u8] {
        self.parameters()[2]
    }

    fn parameters(self) -> [&'static [u8]; 3] {
        match self {
            Self::P1024Q160 => [&P1024Q160.0, &P1024Q160.1, &P1024Q160.2],
            Self::P2048Q224 => [&P2048Q224.0, &P2048Q224.1, &P2048Q224.2],
            Self::P2048Q256 => [&P2048Q256.0, &P2048Q256.1, &P2048Q256.2],
        }
    }

    /// A private number from 1 to the order less 1, uniformly.
    pub fn random_scalar(self, random: &mut impl Rng) -> Scalar {
        let order = self.order();
        let mut bytes = Zeroizing::new(vec![0; order.len()]);
        loop {
            random.fill_bytes(&mut bytes);
            // The orders begin with a bit that is set: at worst one time in two it is drawn again.
            if **bytes < *order && bytes.iter().any(|byte| *byte != 0) {
                return bytes;
            }
        }
    }

    /// Is this a number of the subgroup other than 1?
    #[must_use]
    pub fn has(self, number: &[u8]) -> bool {
        number.len() == self.prime().len()
            && !is_one(number)
            && power(number, self.order(), self.prime()).is_some_and(|one| is_one(&one))
    }

    /// A power of a number of the subgroup; nothing if it is none.
    #[must_use]
    pub fn power(self, exponent: &[u8], number: &[u8]) -> Option<Vec<u8>> {
        let power = self
            .has(number)
            .then(|| power(number, exponent, self.prime()))??;
        (!is_one(&power)).then_some(power)
    }

    /// Generic mapping (Doc 9303-11, section 4.4.3.3.1): the ephemeral generator `g ^ nonce × peer ^ exponent`.
    #[must_use]
    pub fn map(self, nonce: &[u8], exponent: &[u8], peer: &[u8]) -> Option<Vec<u8>> {
        let shared = Zeroizing::new(self.power(exponent, peer)?);
        let own = Zeroizing::new(power(self.generator(), nonce, self.prime())?);
        product(&own, &shared, self.prime()).filter(|generator| !is_one(generator))
    }

    /// Integrated mapping (section 4.4.3.3.2): a pseudo-random number, longer than the prime, as one of the subgroup.
    #[must_use]
    pub fn encode(self, pseudo_random: &[u8]) -> Option<Vec<u8>> {
        let number = Zeroizing::new(remainder(pseudo_random, self.prime())?);
        power(&number, &self.cofactor()?, self.prime()).filter(|generator| !is_one(generator))
    }

    /// The prime less 1, divided by the order.
    fn cofactor(self) -> Option<Vec<u8>> {
        quotient(self.prime(), self.order())
    }
}

fn is_one(number: &[u8]) -> bool {
    number
        .split_last()
        .is_some_and(|(last, front)| *last == 1 && front.iter().all(|byte| *byte == 0))
}

/// Prime, generator and order (RFC 5114, section 2.1).
const P1024Q160: ([u8; 128], [u8; 128], [u8; 20]) = (
    hex!(
        "B10B8F96A080E01DDE92DE5EAE5D54EC52C99FBCFB06A3C69A6A9DCA52D23B616073E28675A23D189838EF1E2EE652C0\
         13ECB4AEA906112324975C3CD49B83BFACCBDD7D90C4BD7098488E9C219A73724EFFD6FAE5644738FAA31A4FF55BCCC0\
         A151AF5F0DC8B4BD45BF37DF365C1A65E68CFDA76D4DA708DF1FB2BC2E4A4371"
    ),
    hex!(
        "A4D1CBD5C3FD34126765A442EFB99905F8104DD258AC507FD6406CFF14266D31266FEA1E5C41564B777E690F5504F213\
         160217B4B01B886A5E91547F9E2749F4D7FBD7D3B9A92EE1909D0D2263F80A76A6A24C087A091F531DBF0A0169B6A28A\
         D662A4D18E73AFA32D779D5918D08BC8858F4DCEF97C2A24855E6EEB22B3B2E5"
    ),
    hex!("F518AA8781A8DF278ABA4E7D64B7CB9D49462353"),
);

/// Prime, generator and order (RFC 5114, section 2.2).
const P2048Q224: ([u8; 256], [u8; 256], [u8; 28]) = (
    hex!(
        "AD107E1E9123A9D0D660FAA79559C51FA20D64E5683B9FD1B54B1597B61D0A75E6FA141DF95A56DBAF9A3C407BA1DF15\
         EB3D688A309C180E1DE6B85A1274A0A66D3F8152AD6AC2129037C9EDEFDA4DF8D91E8FEF55B7394B7AD5B7D0B6C12207\
         C9F98D11ED34DBF6C6BA0B2C8BBC27BE6A00E0A0B9C49708B3BF8A317091883681286130BC8985DB1602E714415D9330\
         278273C7DE31EFDC7310F7121FD5A07415987D9ADC0A486DCDF93ACC44328387315D75E198C641A480CD86A1B9E587E8\
         BE60E69CC928B2B9C52172E413042E9B23F10B0E16E79763C9B53DCF4BA80A29E3FB73C16B8E75B97EF363E2FFA31F71\
         CF9DE5384E71B81C0AC4DFFE0C10E64F"
    ),
    hex!(
        "AC4032EF4F2D9AE39DF30B5C8FFDAC506CDEBE7B89998CAF74866A08CFE4FFE3A6824A4E10B9A6F0DD921F01A70C4AFA\
         AB739D7700C29F52C57DB17C620A8652BE5E9001A8D66AD7C17669101999024AF4D027275AC1348BB8A762D0521BC98A\
         E247150422EA1ED409939D54DA7460CDB5F6C6B250717CBEF180EB34118E98D119529A45D6F834566E3025E316A330EF\
         BB77A86F0C1AB15B051AE3D428C8F8ACB70A8137150B8EEB10E183EDD19963DDD9E263E4770589EF6AA21E7F5F2FF381\
         B539CCE3409D13CD566AFBB48D6C019181E1BCFE94B30269EDFE72FE9B6AA4BD7B5A0F1C71CFFF4C19C418E1F6EC0179\
         81BC087F2A7065B384B890D3191F2BFA"
    ),
    hex!("801C0D34C58D93FE997177101F80535A4738CEBCBF389A99B36371EB"),
);

/// Prime, generator and order (RFC 5114, section 2.3).
const P2048Q256: ([u8; 256], [u8; 256], [u8; 32]) = (
    hex!(
        "87A8E61DB4B6663CFFBBD19C651959998CEEF608660DD0F25D2CEED4435E3B00E00DF8F1D61957D4FAF7DF4561B2AA30\
         16C3D91134096FAA3BF4296D830E9A7C209E0C6497517ABD5A8A9D306BCF67ED91F9E6725B4758C022E0B1EF4275BF7B\
         6C5BFC11D45F9088B941F54EB1E59BB8BC39A0BF12307F5C4FDB70C581B23F76B63ACAE1CAA6B7902D52526735488A0E\
         F13C6D9A51BFA4AB3AD8347796524D8EF6A167B5A41825D967E144E5140564251CCACB83E6B486F6B3CA3F7971506026\
         C0B857F689962856DED4010ABD0BE621C3A3960A54E710C375F26375D7014103A4B54330C198AF126116D2276E11715F\
         693877FAD7EF09CADB094AE91E1A1597"
    ),
    hex!(
        "3FB32C9B73134D0B2E77506660EDBD484CA7B18F21EF205407F4793A1A0BA12510DBC15077BE463FFF4FED4AAC0BB555\
         BE3A6C1B0C6B47B1BC3773BF7E8C6F62901228F8C28CBB18A55AE31341000A650196F931C77A57F2DDF463E5E9EC144B\
         777DE62AAAB8A8628AC376D282D6ED3864E67982428EBC831D14348F6F2F9193B5045AF2767164E1DFC967C1FB3F2E55\
         A4BD1BFFE83B9C80D052B985D182EA0ADB2A3B7313D3FE14C8484B1E052588B9B7D2BBD2DF016199ECD06E1557CD0915\
         B3353BBB64E0EC377FD028370DF92B52C7891428CDC67EB6184B523D1DB246C32F63078490F00EF8D647D148D4795451\
         5E2327CFEF98C582664B4C0F6CC41659"
    ),
    hex!("8CF83642A709A097B447997640129DA299B1A47D1EB3750BA308B0FE64F5FBD3"),
);

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    use super::*;

    #[test]
    fn generators_generate_the_subgroups() {
        for group in ModpGroup::ALL {
            assert!(group.has(group.generator()));
            let cofactor = group.cofactor().unwrap();
            let whole = product(group.order(), &cofactor, group.prime()).unwrap();
            let mut less_one = group.prime().to_vec();
            *less_one.last_mut().unwrap() -= 1;
            assert_eq!(whole, less_one);
            assert_eq!(
                ModpGroup::from_parameter_id(group.parameter_id().into()),
                Some(group)
            );
        }
        assert_eq!(ModpGroup::from_parameter_id(3), None);
    }

    #[test]
    fn both_sides_reach_the_same_number() {
        let mut random = ChaCha20Rng::from_seed([7; 32]);
        for group in ModpGroup::ALL {
            let (a, b) = (group.random_scalar(&mut random), group.random_scalar(&mut random));
            let public = |scalar: &[u8]| group.power(scalar, group.generator()).unwrap();
            let (pub_a, pub_b) = (public(&a), public(&b));
            assert_eq!(group.power(&a, &pub_b), group.power(&b, &pub_a));
            assert_eq!(group.map(&[9; 16], &a, &pub_b), group.map(&[9; 16], &b, &pub_a));
            let encoded = group.encode(&pub_a).unwrap();
            assert!(group.has(&encoded));
        }
    }

    #[test]
    fn numbers_outside_the_subgroup_are_refused() {
        for group in ModpGroup::ALL {
            let length = group.prime().len();
            let number = |last: u8| {
                let mut number = vec![0; length];
                *number.last_mut().unwrap() = last;
                number
            };
            let mut less_one = group.prime().to_vec();
            *less_one.last_mut().unwrap() -= 1;
            // Zero, one, minus one, the prime, something that generates more than the subgroup, and wrong lengths.
            for bad in [number(0), number(1), less_one, group.prime().to_vec(), number(2)] {
                assert_eq!(group.power(&[3], &bad), None);
                assert_eq!(group.map(&[1; 16], &[3], &bad), None);
            }
            assert!(!group.has(&group.generator()[1..]) && !group.has(&[]));
            assert_eq!(group.power(group.order(), group.generator()), None);
            assert_eq!(group.power(&[], group.generator()), None);
        }
    }
}
