//! What can go wrong with EF.SOD.

crate::fault_codes! {
    /// The data groups to be signed are not 2 to 16 of the numbers 1 to 16.
    DATA_GROUPS_REFUSED = "SOD-001", Bug, false,
        "the list of data groups cannot be signed", "không thể ký danh sách nhóm dữ liệu",
        "Report this to the developers.", "Báo cho nhà phát triển.";
    /// Bytes that are no EF.SOD.
    UNREADABLE = "SOD-002", Card, false,
        "EF.SOD cannot be read", "không đọc được EF.SOD",
        "Read the chip again; if it stays so, reject the card.", "Đọc lại chip; nếu vẫn lỗi thì loại thẻ.";
    /// Our own structure did not encode.
    ENCODING = "SOD-003", Bug, false,
        "EF.SOD could not be encoded", "không mã hóa được EF.SOD",
        "Report this to the developers.", "Báo cho nhà phát triển.";
    /// A stored draft whose digest, signed attributes and content no longer belong together.
    DRAFT_CHANGED = "SOD-004", Bug, false,
        "the stored signed attributes were changed", "thuộc tính ký đã lưu bị thay đổi",
        "Do not sign; restore the ledger from its copy.", "Không ký; khôi phục sổ cái từ bản sao.";
    /// A signing time that X.509 cannot write.
    SIGNING_TIME = "SOD-005", Operator, false,
        "the signing time cannot be written", "không ghi được thời điểm ký",
        "Check the clock.", "Kiểm tra đồng hồ.";
}
