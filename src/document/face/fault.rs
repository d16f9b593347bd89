//! What can go wrong while faces are composed. Nothing is printed yet, so every act may be repeated.

crate::fault_codes! {
    /// A text is longer than its place at the smallest size and on all permitted lines.
    TEXT_TOO_LONG = "FACE-001", Dossier, true,
        "a text does not fit its place on the card", "nội dung không vừa chỗ in trên thẻ",
        "Ask the office for the permitted short form of this field; nothing is cut off silently.",
        "Đề nghị đơn vị cung cấp cách ghi rút gọn được phép của trường này; hệ thống không tự cắt bớt.";
    /// A text holds a character the typeface cannot print.
    LETTER_MISSING = "FACE-002", Dossier, true,
        "a text holds a character that cannot be printed", "nội dung có ký tự không in được",
        "Ask the office to correct this field.", "Đề nghị đơn vị sửa trường này.";
    /// A picture cannot be decoded.
    PICTURE_UNREADABLE = "FACE-003", Dossier, true,
        "a picture cannot be decoded", "không giải mã được ảnh",
        "Ask the office to send the picture again.", "Đề nghị đơn vị gửi lại ảnh.";
    /// The layout has a place for a portrait and the dossier has none.
    PORTRAIT_MISSING = "FACE-004", Dossier, true,
        "the card needs a portrait and the dossier has none", "thẻ cần ảnh chân dung nhưng hồ sơ không có",
        "Ask the office for the portrait, or for the profile without one.",
        "Đề nghị đơn vị gửi ảnh chân dung hoặc chọn loại thẻ không có ảnh.";
    /// The QR content makes modules too small to be read.
    QR_TOO_LONG = "FACE-005", Dossier, true,
        "the QR content is too long for its place on the card", "nội dung mã QR quá dài so với chỗ in trên thẻ",
        "Ask the office for the permitted short form of the long fields.",
        "Đề nghị đơn vị cung cấp cách ghi rút gọn được phép của các trường dài.";
    /// The caller gave a QR content where the layout has no place, or none where it has one.
    QR_MISMATCH = "FACE-006", Operator, true,
        "the profile and the layout disagree about the QR code", "hồ sơ loại thẻ và bố cục không khớp về mã QR",
        "Give the profile a [qr] if its layout has a place for it, or take it away.",
        "Thêm [qr] vào hồ sơ loại thẻ nếu bố cục có chỗ cho mã, hoặc bỏ đi.";
    /// The caller gave a card access number where the layout has no place, or none where it has one.
    CAN_MISMATCH = "FACE-012", Operator, true,
        "the profile and the layout disagree about the card access number",
        "hồ sơ loại thẻ và bố cục không khớp về số truy cập thẻ (CAN)",
        "Give the layout a field what = \"can\" if the profile has chip.pace.can = true, or take it away.",
        "Thêm trường what = \"can\" vào bố cục nếu loại thẻ có chip.pace.can = true, hoặc bỏ đi.";
    /// A machine-readable zone that is not three lines of thirty permitted characters.
    MRZ_MALFORMED = "FACE-007", Bug, true,
        "the machine-readable zone is malformed", "vùng đọc máy (MRZ) sai cấu trúc",
        "Report this to the developers.", "Báo cho nhóm phát triển.";
    /// No layout of this name.
    LAYOUT_UNKNOWN = "FACE-008", Operator, true,
        "there is no face layout of this name", "không có bố cục mặt thẻ với tên này",
        "Correct the profile's layout name.", "Sửa tên bố cục trong cấu hình loại thẻ.";
    /// A layout file that cannot be used.
    LAYOUT_MALFORMED = "FACE-009", Operator, true,
        "the face layout is malformed", "bố cục mặt thẻ không hợp lệ",
        "Correct the layout file.", "Sửa tệp bố cục.";
    /// A built-in typeface cannot be read.
    TYPEFACE_UNREADABLE = "FACE-010", Bug, true,
        "a built-in typeface cannot be read", "không đọc được phông chữ kèm theo",
        "Report this to the developers.", "Báo cho nhóm phát triển.";
    /// A picture cannot be written as PNG.
    PREVIEW_FAILED = "FACE-011", Bug, true,
        "a face cannot be written as a PNG picture", "không ghi được mặt thẻ thành ảnh PNG",
        "Report this to the developers.", "Báo cho nhóm phát triển.";
}
