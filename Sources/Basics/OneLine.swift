/// A text, part of which may come from a damaged file, as one line that can be shown and logged.
///
/// Line ends become `; `, other control characters `?`. A text of more than 3,000 characters loses its middle.
public func oneLine(_ text: String) -> String {
    let line = text.split(whereSeparator: \.isNewline).joined(separator: "; ")
    var shown = line.unicodeScalars.map { scalar in
        scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) ? "?" : scalar
    }
    if shown.count > lineLengthMax {
        let half = lineLengthMax / 2
        shown = shown.prefix(half) + ["…"] + shown.suffix(half)
    }
    var view = String.UnicodeScalarView()
    view.append(contentsOf: shown)
    return String(view)
}

private let lineLengthMax = 3000
