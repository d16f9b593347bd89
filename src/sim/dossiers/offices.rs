//! Offices of the rehearsal: invented communes of real provinces.

use time::Date;
use time::macros::date;

use crate::base::ids::OfficeCode;
use crate::dossier::office::{Office, OfficeKind};

/// An office that takes part.
pub(super) struct Served {
    pub(super) code: &'static str,
    pub(super) commune: &'static str,
    /// Two-digit code of the province.
    pub(super) province: &'static str,
    /// As the province is named in addresses.
    pub(super) province_name: &'static str,
    /// Code of births registered there, as personal numbers begin.
    pub(super) number: &'static str,
}

/// Ended with a successor.
pub(super) const SUCCEEDED: &str = "DT15-D01";
/// Ended with none.
pub(super) const EXPIRED: &str = "DT40-D01";

macro_rules! served {
    ($($province:literal $name:literal $number:literal: $($code:literal $commune:literal),+;)+) => {
        pub(super) const SERVED: &[Served] = &[$($(Served {
            code: $code, commune: $commune, province: $province, province_name: $name, number: $number,
        }),+),+];
    };
}

served! {
    "01" "Thành phố Hà Nội" "001":
        "DT01-C01" "Phường Diễn Tập Một", "DT01-C02" "Phường Thử Nghiệm", "DT01-C03" "Phường Mẫu Giấy",
        "DT01-C04" "Xã Nháp Đông", "DT01-C05" "Xã Nháp Tây";
    "15" "Tỉnh Lào Cai" "010":
        "DT15-C01" "Xã Diễn Tập Thượng", "DT15-C02" "Xã Diễn Tập Hạ", "DT15-C03" "Phường Giả Định",
        "DT15-C04" "Xã Mường Thử";
    "40" "Tỉnh Nghệ An" "040":
        "DT40-C01" "Xã Diễn Mẫu", "DT40-C02" "Xã Quỳnh Thử", "DT40-C03" "Phường Vinh Nháp",
        "DT40-C04" "Xã Kỳ Giả";
    "48" "Thành phố Đà Nẵng" "048":
        "DT48-C01" "Phường Sông Mẫu", "DT48-C02" "Phường Cầu Thử", "DT48-C03" "Xã Hòa Nháp",
        "DT48-C04" "Xã Núi Giả";
    "79" "Thành phố Hồ Chí Minh" "079":
        "DT79-C01" "Phường Bến Mẫu", "DT79-C02" "Phường Chợ Thử", "DT79-C03" "Phường Tân Nháp",
        "DT79-C04" "Xã Bình Giả Định", "DT79-C05" "Đặc khu Đảo Mẫu";
    "92" "Thành phố Cần Thơ" "092":
        "DT92-C01" "Phường Ninh Mẫu", "DT92-C02" "Xã Kênh Thử", "DT92-C03" "Xã Cồn Nháp";
}

/// The whole table.
pub(super) fn all() -> Vec<Office> {
    let served = SERVED.iter().map(|office| Office {
        code: OfficeCode::new(office.code),
        name: format!("Công an {} (diễn tập)", office.commune),
        kind: OfficeKind::Commune,
        province: office.province.to_owned(),
        valid_from: date!(2025 - 03 - 01),
        valid_to: None,
        successor: None,
    });
    let ended = [(SUCCEEDED, "15", Some("DT15-C01")), (EXPIRED, "40", None)];
    served
        .chain(ended.map(|(code, province, successor)| former_district(code, province, successor)))
        .collect()
}

fn former_district(code: &str, province: &str, successor: Option<&str>) -> Office {
    const DISTRICT_POLICE_ENDED: Date = date!(2025 - 02 - 28);
    Office {
        code: OfficeCode::new(code),
        name: "Công an huyện Diễn Tập (đã giải thể)".to_owned(),
        kind: OfficeKind::FormerDistrict,
        province: province.to_owned(),
        valid_from: date!(2021 - 01 - 01),
        valid_to: Some(DISTRICT_POLICE_ENDED),
        successor: successor.map(OfficeCode::new),
    }
}
