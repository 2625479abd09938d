/// The number's decimal digits, with zeros before them where there are fewer than `width`: names that sort as the numbers do.
///
/// - Precondition: `number` is not negative.
public func zeroPadded(_ number: some BinaryInteger, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
