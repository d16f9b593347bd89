//! What can go wrong between a dossier and the bytes of a card.

crate::fault_codes! {
    /// A card profile contradicts itself or cannot be read.
    PROFILE_INVALID = "DOC-001", Operator, true,
        "the card profile is not valid", "cấu hình loại thẻ không hợp lệ",
        "Correct the profile where it says and start again.", "Sửa cấu hình tại chỗ được nêu rồi khởi động lại.";
    /// No such profile.
    PROFILE_UNKNOWN = "DOC-002", Operator, true,
        "there is no such card profile", "không có cấu hình loại thẻ này",
        "Choose a profile that is built in or configured.", "Chọn cấu hình có sẵn hoặc đã được khai báo.";
    /// A dossier and the profile it was given do not belong together.
    PROFILE_MISMATCH = "DOC-003", Bug, true,
        "the dossier asks for another card profile", "hồ sơ yêu cầu loại thẻ khác",
        "Report this: the wrong profile was looked up.", "Báo lỗi phần mềm: đã tra nhầm cấu hình.";
    /// A name holds a letter that is not Vietnamese.
    NAME_NOT_VIETNAMESE = "DOC-010", Dossier, true,
        "a name cannot be written in the machine-readable zone", "không thể ghi họ tên vào vùng đọc máy",
        "Return the dossier: the name holds a character that is not a Vietnamese letter.",
        "Trả lại hồ sơ: họ tên có ký tự không phải chữ cái tiếng Việt.";
    /// A field the profile requires is empty.
    FIELD_MISSING = "DOC-011", Dossier, true,
        "a field this card must show is empty", "thiếu thông tin bắt buộc trên thẻ",
        "Return the dossier with the name of the field.", "Trả lại hồ sơ kèm tên trường còn thiếu.";
    /// A field cannot go on the card as it is.
    FIELD_UNFIT = "DOC-012", Dossier, true,
        "a field cannot be put on the card", "có thông tin không thể đưa lên thẻ",
        "Return the dossier with the name of the field.", "Trả lại hồ sơ kèm tên trường bị lỗi.";
    /// A file would be larger than a chip's file may be.
    FILE_TOO_LARGE = "DOC-013", Dossier, true,
        "a file of the chip would be too large", "tệp dữ liệu trên chip quá lớn",
        "Return the dossier: the portrait must be smaller.", "Trả lại hồ sơ: cần ảnh chân dung nhỏ hơn.";
    /// Bytes read from a card are not what the standard says.
    FILE_MALFORMED = "DOC-020", Card, true,
        "a file of the chip is malformed", "tệp dữ liệu trên chip sai định dạng",
        "Read the chip again; if it stays, spoil the card.", "Đọc lại chip; nếu vẫn lỗi thì hủy thẻ.";
    /// A machine-readable zone does not read.
    MRZ_MALFORMED = "DOC-021", Card, true,
        "the machine-readable zone does not read", "vùng đọc máy không hợp lệ",
        "Read it again; if it stays, put the card aside.", "Đọc lại; nếu vẫn lỗi thì để riêng thẻ.";
    /// A QR text does not have the fields of its profile.
    QR_MALFORMED = "DOC-022", Card, true,
        "the QR code does not have the fields of its profile", "mã QR không đúng các trường quy định",
        "Read it again; if it stays, put the card aside.", "Đọc lại; nếu vẫn lỗi thì để riêng thẻ.";
    /// What the caller prepared does not go with the profile.
    PREPARATION_WRONG = "DOC-030", Bug, true,
        "what was prepared does not go with the card profile", "dữ liệu chuẩn bị không khớp cấu hình loại thẻ",
        "Report this; nothing was written to a card.", "Báo lỗi phần mềm; chưa ghi gì lên thẻ.";
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_code_has_its_own_number() {
        let mut ids: Vec<&str> = super::ALL.iter().map(|code| code.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), super::ALL.len());
    }
}
