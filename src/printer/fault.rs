//! What can go wrong with a printer.
//!
//! `safe_to_repeat` means: the same dialogue may be run again, after a new [`Connect`](super::Connect), with no harm to
//! any card.

crate::fault_codes! {
    /// NACK 1.
    COMMAND_REFUSED = "PRN-001", Bug, false,
        "the printer does not know a command", "máy in không nhận ra lệnh",
        "Compare the configured model with the printer.", "So lại kiểu máy in trong cấu hình với máy thật.";
    /// NACK 2.
    PARAMETER_REFUSED = "PRN-002", Bug, false,
        "the printer refused a parameter", "máy in từ chối tham số của lệnh",
        "Compare the configured model with the printer.", "So lại kiểu máy in trong cấu hình với máy thật.";
    /// NACK T.
    MECHANICAL = "PRN-003", Device, false,
        "the printer reports a jam or a motor time-out; where the card is, is unknown",
        "máy in báo kẹt thẻ hoặc quá giờ cơ khí; không rõ thẻ đang ở đâu",
        "Open the printer, take the card out and tap it.", "Mở máy in, lấy thẻ ra và chạm thẻ để nhận diện.";
    /// NACK C before any ink.
    COVER_OPEN = "PRN-004", Operator, true,
        "the printer's cover is open", "nắp máy in đang mở", "Close the cover.", "Đóng nắp máy in.";
    /// NACK F.
    FEEDER_EMPTY = "PRN-005", Operator, true,
        "the feeder is empty or did not take a card; this step used no card",
        "khay nạp hết phôi hoặc không lấy được phôi; bước này chưa dùng phôi nào",
        "Load blanks and straighten the stack.", "Nạp phôi và xếp thẳng chồng phôi.";
    /// NACK R before any ink.
    RIBBON_OUT = "PRN-006", Operator, true,
        "the ribbon is broken or used up; this step printed nothing", "ruy-băng đứt hoặc hết; bước này chưa in gì",
        "Change the ribbon.", "Thay ruy-băng.";
    /// NACK R once printing had begun.
    RIBBON_OUT_IN_PRINT = "PRN-007", Operator, false,
        "the ribbon broke or ended during printing; the card is half printed",
        "ruy-băng đứt hoặc hết khi đang in; thẻ mới in một phần",
        "Change the ribbon. The card goes to the reject box.", "Thay ruy-băng. Thẻ này vào hộp loại.";
    /// NACK C once printing had begun.
    COVER_OPENED_IN_PRINT = "PRN-008", Operator, false,
        "the cover was opened during printing; the card may be half printed",
        "nắp máy bị mở khi đang in; thẻ có thể mới in một phần",
        "Close the cover. The card goes to the reject box.", "Đóng nắp máy in. Thẻ này vào hộp loại.";
    /// NACK K or W: a magnetic stripe failed, though none is ever written here.
    MAGNETIC = "PRN-009", Card, false,
        "the printer reports a magnetic stripe error", "máy in báo lỗi dải từ",
        "Set the card aside; check the model's options.", "Để riêng thẻ; kiểm tra tùy chọn của máy.";
    /// NACK D: magnetic data refused, though none is ever sent here.
    MAGNETIC_DATA = "PRN-010", Bug, false,
        "the printer refused magnetic data that was never sent", "máy in từ chối dữ liệu từ tính chưa hề được gửi",
        "Report it to the maker of this program.", "Báo cho nhà cung cấp phần mềm.";
    /// NACK with a code the guide does not list.
    UNKNOWN_REFUSAL = "PRN-011", Device, false,
        "the printer refused with an unknown code", "máy in từ chối với mã lạ",
        "Look at the printer's display; take the card out and tap it.", "Xem màn hình máy in; lấy thẻ ra và chạm thẻ.";
    /// A command that moves nothing was not answered.
    SILENT = "PRN-012", Device, true,
        "the printer does not answer; this step moved no card", "máy in không trả lời; bước này chưa di chuyển thẻ",
        "Check power and cable.", "Kiểm tra nguồn và cáp.";
    /// A command that moves or prints was not answered.
    POSITION_UNKNOWN = "PRN-013", Device, false,
        "the printer fell silent during a movement; where the card is and what is on it are unknown",
        "máy in im lặng khi thẻ đang di chuyển; không rõ vị trí và tình trạng thẻ",
        "Open the printer, take the card out and tap it.", "Mở máy in, lấy thẻ ra và chạm thẻ để nhận diện.";
    /// An answer that nobody asked for, or of the wrong kind.
    DESYNC = "PRN-014", Device, false,
        "an answer came that does not belong to the present command", "có câu trả lời không thuộc lệnh hiện tại",
        "Check the cable; take the card out and tap it.", "Kiểm tra cáp; lấy thẻ ra và chạm thẻ.";
    /// Bytes that are no answer at all.
    GARBLED = "PRN-015", Device, false,
        "the line carries bytes that are no answer", "đường truyền có byte không phải câu trả lời",
        "Check cable, speed and earth; take the card out and tap it.",
        "Kiểm tra cáp, tốc độ, nối đất; lấy thẻ ra và chạm thẻ.";
    /// An answer in words where an acknowledgement belongs.
    LEFT_HOST_MODE = "PRN-016", Device, false,
        "the printer no longer acknowledges commands: it was restarted or set otherwise",
        "máy in không còn ở chế độ xác nhận lệnh: đã khởi động lại hoặc bị đổi cài đặt",
        "Take the card out and tap it, then connect again.", "Lấy thẻ ra và chạm thẻ, rồi kết nối lại.";
    /// `Rem` does not say 18.
    NOT_HOST_MANAGED = "PRN-017", Device, true,
        "the printer keeps recovering from errors by itself, which makes twins",
        "máy in vẫn tự phục hồi lỗi, có thể in trùng thẻ",
        "Use a printer that accepts Pem;18.", "Dùng máy in nhận lệnh Pem;18.";
    /// A read was answered with something else than its kind of value.
    BAD_VALUE = "PRN-018", Device, false,
        "the printer answered with an impossible value", "máy in trả về giá trị không hợp lệ",
        "Compare the configured model with the printer.", "So lại kiểu máy in trong cấu hình với máy thật.";
    /// Before feeding there is a card inside.
    PATH_OCCUPIED = "PRN-019", Device, false,
        "there is already a card in the printer", "trong máy in đã có sẵn một thẻ",
        "Take it out and tap it.", "Lấy thẻ ra và chạm thẻ để nhận diện.";
    /// Before printing or delivering, or after feeding, there is no card inside.
    NO_CARD = "PRN-020", Device, false,
        "the printer's sensor sees no card where one should be", "cảm biến không thấy thẻ ở nơi phải có thẻ",
        "Search the printer and its outputs; tap every card found.",
        "Tìm trong máy in và các khay ra; chạm từng thẻ tìm được.";
    /// After delivering the card is still inside.
    CARD_STAYED = "PRN-021", Device, false,
        "the printer acknowledged the ejection but the card is still inside",
        "máy in báo đã đẩy thẻ nhưng thẻ vẫn ở trong máy",
        "Take it out and tap it.", "Lấy thẻ ra và chạm thẻ để nhận diện.";
    /// The picture is not the size of a card.
    PICTURE_SIZE = "PRN-022", Bug, true,
        "the picture does not have the size of a card face", "ảnh mặt thẻ sai kích thước",
        "Report it to the maker of this program.", "Báo cho nhà cung cấp phần mềm.";
    /// A back was to be printed by a printer that cannot turn the card.
    NO_FLIP_OVER = "PRN-023", Bug, true,
        "this printer cannot print the back", "máy in này không in được mặt sau",
        "Correct the machine's route or model.", "Sửa lại quy trình hoặc kiểu máy trong cấu hình.";
    /// A counter that only grows went back.
    COUNTER_WENT_BACK = "PRN-024", Device, false,
        "a counter of the printer went back: it was reset or the printer was exchanged",
        "bộ đếm của máy in chạy lùi: đã bị đặt lại hoặc thay máy",
        "Reconcile the machine before it goes on.", "Đối soát máy trước khi chạy tiếp.";
}
