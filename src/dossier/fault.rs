//! Everything that can be wrong with a dossier, each with a stable code.
//!
//! 0xx the facility's tables, 1xx the envelope, 2xx the form, 3xx the personal number, 4xx text, 5xx dates, 6xx
//! pictures, 7xx office and application, 8xx what only the order book sees. Whether a finding returns the dossier,
//! holds it or is only noted is in [`super::finding`].

crate::fault_codes! {
    // The facility's own tables.

    /// A typeface cannot be read.
    FONT_UNREADABLE = "DOSSIER-001", Bug, true,
        "the card font cannot be read", "không đọc được phông chữ của thẻ",
        "The facility's engineer corrects the file.", "Kỹ sư của cơ sở sửa tệp.";
    /// The holiday table is wrong.
    HOLIDAYS_UNREADABLE = "DOSSIER-002", Operator, true,
        "the holiday table cannot be read", "không đọc được bảng ngày nghỉ lễ",
        "The facility's engineer corrects the file.", "Kỹ sư của cơ sở sửa tệp.";
    /// The office table is wrong.
    OFFICES_UNREADABLE = "DOSSIER-003", Operator, true,
        "the office table is not in order", "bảng đơn vị không hợp lệ",
        "The facility's engineer corrects the file.", "Kỹ sư của cơ sở sửa tệp.";
    // The envelope: JSON, encryption, signature.

    /// More bytes than a dossier may have.
    TOO_LARGE = "DOSSIER-101", Dossier, true,
        "the dossier is too large", "hồ sơ có dung lượng quá lớn",
        "Have the registry's software corrected and send the dossier again.",
        "Yêu cầu sửa phần mềm của cơ quan đăng ký rồi gửi lại hồ sơ.";
    /// Not JSON.
    JSON_UNREADABLE = "DOSSIER-102", Dossier, true,
        "the dossier is not well-formed JSON", "hồ sơ không đúng định dạng JSON",
        "Have the registry's software corrected and send the dossier again.",
        "Yêu cầu sửa phần mềm của cơ quan đăng ký rồi gửi lại hồ sơ.";
    /// A member twice in one object.
    JSON_DUPLICATE = "DOSSIER-103", Dossier, true,
        "a JSON object has the same member twice", "một đối tượng JSON có thành phần bị trùng",
        "Have the registry's software corrected and send the dossier again.",
        "Yêu cầu sửa phần mềm của cơ quan đăng ký rồi gửi lại hồ sơ.";
    /// Nested too deep or too many values.
    JSON_TOO_COMPLEX = "DOSSIER-104", Dossier, true,
        "the JSON is nested too deep or has too many values", "JSON lồng quá sâu hoặc có quá nhiều giá trị",
        "Have the registry's software corrected and send the dossier again.",
        "Yêu cầu sửa phần mềm của cơ quan đăng ký rồi gửi lại hồ sơ.";
    /// A number outside the interoperable range.
    JSON_NUMBER = "DOSSIER-105", Dossier, true,
        "a JSON number is outside the interoperable range", "số trong JSON vượt phạm vi cho phép",
        "Have the registry's software corrected and send the dossier again.",
        "Yêu cầu sửa phần mềm của cơ quan đăng ký rồi gửi lại hồ sơ.";
    /// Not a JWE of the kind agreed.
    ENCRYPTION_UNREADABLE = "DOSSIER-111", Dossier, true,
        "the encryption envelope is not compact JWE with ECDH-ES and A256GCM on P-256",
        "lớp mã hóa không phải JWE rút gọn với ECDH-ES và A256GCM trên P-256",
        "Have the registry's software corrected and send the dossier again.",
        "Yêu cầu sửa phần mềm của cơ quan đăng ký rồi gửi lại hồ sơ.";
    /// Encrypted to another key, or altered.
    ENCRYPTION_WRONG = "DOSSIER-112", Dossier, true,
        "the dossier does not open with the facility's key", "không giải mã được hồ sơ bằng khóa của cơ sở",
        "Encrypt it to the facility's current intake key and send it again.",
        "Mã hóa bằng khóa tiếp nhận hiện hành của cơ sở rồi gửi lại.";
    /// Not exactly one integrity entry.
    INTEGRITY_MISSING = "DOSSIER-121", Dossier, true,
        "the dossier does not carry exactly one integrity entry of type JWS over the whole document",
        "hồ sơ không có đúng một mục toàn vẹn kiểu JWS trên toàn bộ văn bản",
        "Have the registry's software corrected and send the dossier again.",
        "Yêu cầu sửa phần mềm của cơ quan đăng ký rồi gửi lại hồ sơ.";
    /// Not a JWS of the kind agreed.
    SIGNATURE_UNREADABLE = "DOSSIER-122", Dossier, true,
        "the signature is not compact detached JWS with ES256 and x5c",
        "chữ ký không phải JWS rút gọn tách rời với ES256 và x5c",
        "Have the registry's software corrected and send the dossier again.",
        "Yêu cầu sửa phần mềm của cơ quan đăng ký rồi gửi lại hồ sơ.";
    /// The signature does not fit the document.
    SIGNATURE_WRONG = "DOSSIER-123", Dossier, true,
        "the signature does not match the document", "chữ ký không khớp với văn bản",
        "Do not use this dossier. Find out where it was altered, then send the original again.",
        "Không sử dụng hồ sơ này. Xác minh nơi bị thay đổi rồi gửi lại bản gốc.";
    /// A certificate cannot be read.
    CERTIFICATE_UNREADABLE = "DOSSIER-124", Dossier, true,
        "a certificate of the signature cannot be read or is of another kind",
        "chứng thư của chữ ký không đọc được hoặc không đúng loại",
        "Have the registry's software corrected and send the dossier again.",
        "Yêu cầu sửa phần mềm của cơ quan đăng ký rồi gửi lại hồ sơ.";
    /// The chain does not end at a trust anchor.
    CERTIFICATE_UNTRUSTED = "DOSSIER-125", Dossier, true,
        "the signer's certificates do not lead to a trusted registry",
        "chuỗi chứng thư của người ký không dẫn tới cơ quan đăng ký tin cậy",
        "Sign with a certificate of the registry the facility trusts.",
        "Ký bằng chứng thư của cơ quan đăng ký mà cơ sở tin cậy.";
    /// A certificate is not valid at this time.
    CERTIFICATE_EXPIRED = "DOSSIER-126", Dossier, true,
        "a certificate of the signature is not valid at this time",
        "chứng thư của chữ ký không còn hoặc chưa có hiệu lực",
        "Renew the certificate and sign again.", "Gia hạn chứng thư và ký lại.";
    /// A certificate may not be used so.
    CERTIFICATE_USAGE = "DOSSIER-127", Dossier, true,
        "a certificate of the signature may not be used for this",
        "chứng thư của chữ ký không được dùng cho mục đích này",
        "Sign with a certificate for digital signatures, issued by a CA.",
        "Ký bằng chứng thư dành cho chữ ký số, do CA cấp.";
    // The form: OSIA CredentialRequest.

    /// A field the form or the profile needs is missing.
    FIELD_MISSING = "DOSSIER-201", Dossier, true,
        "a required field is missing", "thiếu trường bắt buộc",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    /// A field is of another type or outside its range.
    FIELD_WRONG = "DOSSIER-202", Dossier, true,
        "a field has the wrong type or is out of range", "trường sai kiểu hoặc ngoài phạm vi",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    /// The request is not open.
    STATUS_WRONG = "DOSSIER-203", Dossier, true,
        "the credential request is not in status PENDING", "yêu cầu không ở trạng thái PENDING",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    /// No card profile has this name.
    PROFILE_UNKNOWN = "DOSSIER-204", Dossier, true,
        "the card profile is unknown", "không có mẫu thẻ này",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    /// A text is longer than a card can carry.
    TEXT_LENGTH = "DOSSIER-205", Dossier, true,
        "a text is too long", "nội dung quá dài",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    // The personal number.

    /// Not twelve digits.
    NUMBER_FORM = "DOSSIER-301", Dossier, true,
        "the personal number is not twelve digits", "số định danh cá nhân không gồm 12 chữ số",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    /// No province or country has this code.
    NUMBER_PLACE = "DOSSIER-302", Dossier, true,
        "the personal number begins with a code that no province or country has",
        "ba chữ số đầu của số định danh không phải mã tỉnh hoặc mã quốc gia",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    /// Number and date of birth disagree.
    NUMBER_YEAR = "DOSSIER-303", Dossier, true,
        "the personal number and the date of birth disagree", "số định danh không khớp với ngày sinh",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    /// Number and sex disagree.
    NUMBER_SEX = "DOSSIER-304", Dossier, true,
        "the personal number and the sex disagree", "số định danh không khớp với giới tính",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    /// An old number is not nine digits.
    OLD_NUMBER_FORM = "DOSSIER-305", Dossier, true,
        "the old identity card number is not nine digits", "số CMND cũ không gồm 9 chữ số",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    /// The cancelled number is no other personal number.
    CANCELLED_NUMBER = "DOSSIER-306", Dossier, true,
        "the cancelled personal number is not another valid number",
        "số định danh đã hủy không phải một số hợp lệ khác",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    // Text.

    /// Not in Unicode Normalization Form C.
    TEXT_NOT_NFC = "DOSSIER-401", Dossier, true,
        "a text is not in Unicode form NFC", "nội dung không ở dạng Unicode dựng sẵn (NFC)",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    /// A letter of another script that looks the same.
    TEXT_LOOK_ALIKE = "DOSSIER-402", Dossier, true,
        "a character only looks like the right letter", "ký tự chỉ giống hình chữ cái đúng",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    /// A character nobody sees.
    TEXT_INVISIBLE = "DOSSIER-403", Dossier, true,
        "a text holds an invisible character", "nội dung có ký tự ẩn",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    /// A character the field may not have.
    TEXT_CHARACTER = "DOSSIER-404", Dossier, true,
        "a character is not allowed in this field", "ký tự không được phép trong trường này",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    /// Leading, trailing or double spaces.
    TEXT_SPACING = "DOSSIER-405", Dossier, true,
        "a text has spaces at its ends or two in a row", "nội dung thừa dấu cách",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    /// The card font cannot draw a character.
    TEXT_NO_GLYPH = "DOSSIER-406", Dossier, true,
        "the card font does not have a character", "phông chữ của thẻ không có ký tự này",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    // Dates.

    /// Birth, intake and issue are not in order.
    DATE_ORDER = "DOSSIER-501", Dossier, true,
        "birth, intake and issue are not in this order", "ngày sinh, ngày tiếp nhận và ngày cấp không đúng thứ tự",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    /// Received in the future, or issued too far ahead.
    DATE_FUTURE = "DOSSIER-502", Dossier, true,
        "a date lies in the future", "ngày nằm trong tương lai",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    /// The profile is not for this age.
    AGE_PROFILE = "DOSSIER-503", Dossier, true,
        "the card profile is not for the person's age", "mẫu thẻ không dành cho độ tuổi này",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    /// The expiry is not the legal one.
    EXPIRY_LAW = "DOSSIER-504", Dossier, true,
        "the date of expiry is not the one the law gives", "ngày hết hạn không đúng quy định của pháp luật",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    /// Older than anybody.
    AGE_IMPOSSIBLE = "DOSSIER-505", Dossier, true,
        "the date of birth makes the person older than anybody", "ngày sinh cho thấy tuổi không thể có",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    /// Issued before there were such cards.
    BEFORE_THE_LAW = "DOSSIER-506", Dossier, true,
        "the date of issue lies before the card profile came into force", "ngày cấp trước ngày mẫu thẻ có hiệu lực",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    // Pictures.

    /// No image of a known kind, or it does not decode.
    IMAGE_UNREADABLE = "DOSSIER-601", Dossier, true,
        "a picture is damaged or not JPEG, JPEG 2000 or PNG as declared",
        "hình ảnh bị hỏng hoặc không đúng định dạng khai báo",
        "Capture the picture again and send the dossier as a new version.",
        "Thu nhận lại hình ảnh và gửi hồ sơ thành phiên bản mới.";
    /// More bytes or pixels than allowed, told by the header alone.
    IMAGE_LIMITS = "DOSSIER-602", Dossier, true,
        "a picture has more bytes or pixels than allowed", "hình ảnh vượt giới hạn dung lượng hoặc số điểm ảnh",
        "Capture the picture again and send the dossier as a new version.",
        "Thu nhận lại hình ảnh và gửi hồ sơ thành phiên bản mới.";
    /// A referenced image is not there.
    IMAGE_REFERENCE = "DOSSIER-603", Dossier, true,
        "a referenced picture was not delivered", "hình ảnh được dẫn chiếu không được gửi kèm",
        "Deliver the picture and send the dossier again.", "Gửi kèm hình ảnh rồi gửi lại hồ sơ.";
    /// A referenced image is another one.
    IMAGE_HASH = "DOSSIER-604", Dossier, true,
        "a referenced picture does not match its SHA-256", "hình ảnh được dẫn chiếu không khớp mã băm SHA-256",
        "Deliver the original picture and send the dossier again.", "Gửi đúng hình ảnh gốc rồi gửi lại hồ sơ.";
    /// The profile needs a portrait.
    PORTRAIT_MISSING = "DOSSIER-611", Dossier, true,
        "the portrait is missing", "thiếu ảnh chân dung",
        "Capture the picture again and send the dossier as a new version.",
        "Thu nhận lại hình ảnh và gửi hồ sơ thành phiên bản mới.";
    /// The profile has no portrait.
    PORTRAIT_NOT_ALLOWED = "DOSSIER-612", Dossier, true,
        "this card profile carries no portrait", "mẫu thẻ này không có ảnh chân dung",
        "Remove the portrait and send the dossier as a new version.",
        "Bỏ ảnh chân dung và gửi hồ sơ thành phiên bản mới.";
    /// Too small, or not of the card's proportions.
    PORTRAIT_SIZE = "DOSSIER-613", Dossier, true,
        "the portrait is too small or not of the card's proportions", "ảnh chân dung quá nhỏ hoặc sai tỷ lệ",
        "Capture the picture again and send the dossier as a new version.",
        "Thu nhận lại hình ảnh và gửi hồ sơ thành phiên bản mới.";
    /// One shade all over.
    PORTRAIT_BLANK = "DOSSIER-614", Dossier, true,
        "the portrait shows nothing", "ảnh chân dung không có nội dung",
        "Capture the picture again and send the dossier as a new version.",
        "Thu nhận lại hình ảnh và gửi hồ sơ thành phiên bản mới.";
    /// An index finger has neither picture nor exception.
    FINGER_MISSING = "DOSSIER-621", Dossier, true,
        "an index finger has neither a picture nor an exception code",
        "ngón trỏ không có ảnh vân tay và không có mã ngoại lệ",
        "Capture the picture again and send the dossier as a new version.",
        "Thu nhận lại hình ảnh và gửi hồ sơ thành phiên bản mới.";
    /// A finger twice.
    FINGER_TWICE = "DOSSIER-622", Dossier, true,
        "a finger is given twice", "một ngón tay được khai hai lần",
        "Correct it and send the dossier as a new version.", "Sửa lại và gửi hồ sơ thành phiên bản mới.";
    /// The profile has no fingerprints.
    FINGER_NOT_ALLOWED = "DOSSIER-623", Dossier, true,
        "no fingerprints may be taken for this card profile", "mẫu thẻ này không thu nhận vân tay",
        "Remove the fingerprints and send the dossier as a new version.",
        "Bỏ vân tay và gửi hồ sơ thành phiên bản mới.";
    /// Noted: a finger is missing for a reason.
    FINGER_EXCEPTION = "DOSSIER-624", Dossier, true,
        "a finger is missing and its exception code is given", "thiếu ngón tay, đã có mã ngoại lệ",
        "Nothing is to be done; the card is made without it.", "Không phải làm gì; thẻ được làm không có vân tay này.";
    // The way: offices and the state of the application.

    /// No office has this code.
    OFFICE_UNKNOWN = "DOSSIER-701", Dossier, true,
        "the office is unknown", "không có đơn vị với mã này",
        "The facility asks the registry which office is meant.", "Cơ sở hỏi cơ quan đăng ký đơn vị nào là đúng.";
    /// The office has ended or not begun, without successor.
    OFFICE_EXPIRED = "DOSSIER-702", Dossier, true,
        "the office does not take part on this day and has no successor",
        "đơn vị không hoạt động vào ngày này và không có đơn vị kế thừa",
        "The facility asks the registry which office takes the card.", "Cơ sở hỏi cơ quan đăng ký đơn vị nào nhận thẻ.";
    /// Noted: another office has its work.
    OFFICE_SUCCEEDED = "DOSSIER-703", Dossier, true,
        "the office has ended; its successor will get the card", "đơn vị đã giải thể; đơn vị kế thừa sẽ nhận thẻ",
        "Nothing is to be done; use the successor's code from now on.",
        "Không phải làm gì; từ nay dùng mã của đơn vị kế thừa.";
    /// Form HK03 is outstanding.
    RESIDENCE_UNVERIFIED = "DOSSIER-711", Dossier, true,
        "the residence has not been verified yet", "nơi cư trú chưa được xác minh (HK03)",
        "Verify the residence and tell the registry; the dossier waits.",
        "Xác minh nơi cư trú và báo cơ quan đăng ký; hồ sơ được giữ chờ.";
    /// Noted: typed in by hand.
    MANUAL_ENTRY = "DOSSIER-712", Dossier, true,
        "the data were entered by hand", "dữ liệu được nhập thủ công",
        "Compare with the paper form at the quality desk.", "Đối chiếu với phiếu giấy tại bàn kiểm tra chất lượng.";
    // What only the order book sees.

    /// The same request and version with other content.
    DUPLICATE_OTHER = "DOSSIER-801", Dossier, false,
        "this request and version were received before with other content",
        "yêu cầu và phiên bản này đã nhận trước đó với nội dung khác",
        "Send a correction under a higher version.", "Gửi bản sửa với số phiên bản cao hơn.";
    /// A version that is not newer than the one known.
    VERSION_STALE = "DOSSIER-802", Dossier, false,
        "a newer version of this dossier was received before", "đã nhận phiên bản mới hơn của hồ sơ này",
        "Nothing is to be done unless the older version was meant.",
        "Không phải làm gì trừ khi phiên bản cũ mới là đúng.";
    /// A second live order for one person.
    PERSON_HAS_ORDER = "DOSSIER-803", Dossier, false,
        "the person has another order that is not finished", "công dân đang có một yêu cầu khác chưa hoàn thành",
        "Cancel one of the two orders at the registry.", "Hủy một trong hai yêu cầu tại cơ quan đăng ký.";
    /// A correction of a card already given to a machine.
    VERSION_TOO_LATE = "DOSSIER-804", Dossier, false,
        "the card of the version before is already being made", "thẻ theo phiên bản trước đang được sản xuất",
        "Ask the facility; the card made is spoiled or recalled first.",
        "Liên hệ cơ sở; thẻ đã làm phải được hủy hoặc thu hồi trước.";
    /// A version of a request that is over.
    REQUEST_CANCELLED = "DOSSIER-805", Dossier, false,
        "the request was cancelled", "yêu cầu đã bị hủy",
        "Send a new request.", "Gửi yêu cầu mới.";
}

#[cfg(test)]
mod tests {
    use super::ALL;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_unique_and_told_in_both_languages() {
        let ids: BTreeSet<_> = ALL.iter().map(|code| code.id).collect();
        assert_eq!(ids.len(), ALL.len());
        for code in ALL {
            for text in [code.en, code.vi, code.next_en, code.next_vi] {
                assert!(!text.is_empty(), "{}", code.id);
            }
            assert_ne!(code.en, code.vi);
        }
    }
}
