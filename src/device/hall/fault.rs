//! What can go wrong between the controller and a reader or screen of the hall.

crate::fault_codes! {
    /// Nobody listens at the socket.
    UNREACHABLE = "ENC-001", Device, true,
        "the device does not take a connection", "không kết nối được thiết bị",
        "Open the position's screen (cardwright position screen) or start the hall, or correct the configured path.",
        "Mở màn hình của vị trí (cardwright position screen) hoặc khởi động xưởng mô phỏng, hoặc sửa đường dẫn.";
    /// No chip answered when the field was switched on.
    NO_CARD = "ENC-002", Device, true,
        "no card in the reader's field", "không có thẻ trong vùng đọc",
        "Look whether a card lies on the reader.", "Kiểm tra thẻ trên đầu đọc.";
    /// The chip or the reader gave no answer within the deadline; what the chip did is not known.
    SILENT = "ENC-003", Device, false,
        "the chip did not answer in time", "chip không trả lời kịp",
        "Nothing is sent again: the card is in doubt.", "Không gửi lại: thẻ ở trạng thái nghi ngờ.";
    /// The connection broke.
    LOST = "ENC-004", Device, false,
        "the connection to the device broke", "mất kết nối với thiết bị",
        "Check the hall; what the chip did last is not known.", "Kiểm tra xưởng; không rõ lệnh cuối của chip.";
    /// What came is not an answer.
    UNINTELLIGIBLE = "ENC-005", Device, false,
        "the device talks nonsense", "thiết bị trả lời sai định dạng",
        "Check that the hall is of the same version.", "Kiểm tra phiên bản xưởng mô phỏng.";
    /// A command for a chip whose field was not switched on over this connection.
    FIELD_OFF = "ENC-006", Device, true,
        "the reader's field is not switched on", "chưa bật trường đầu đọc",
        "Begin again with the card on the reader.", "Bắt đầu lại với thẻ trên đầu đọc.";
    /// Nobody answered on the screen.
    NOBODY = "ENC-007", Operator, true,
        "nobody answered on the screen", "không ai trả lời trên màn hình",
        "Go to the machine or the desk.", "Đến máy hoặc bàn kiểm tra.";
    /// Production is to ask somebody who does not exist.
    SIMULATED = "ENC-008", Operator, false,
        "a simulation answers on the screen, and cards are real",
        "màn hình do chương trình mô phỏng trả lời, thẻ lại là thật",
        "Stop the simulated hall and open the position's screen: cardwright position screen.",
        "Dừng xưởng mô phỏng và mở màn hình của vị trí: cardwright position screen.";
}
