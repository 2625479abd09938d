/// What of a phase of work is done, in words: share, count, rate and the time that is left.
public struct ProgressText: Sendable {
    private let name: String
    private let total: Int?
    private let unit: String
    private let start: Double
    private let now: @Sendable () -> Double

    private static let barWidth = 20

    /// - Parameters:
    ///   - name: of the phase.
    ///   - total: how much there is to do; nil when nobody knows.
    ///   - unit: of what is counted.
    public init(_ name: String, total: Int?, unit: String, now: @escaping @Sendable () -> Double = steadySeconds) {
        self.name = name
        self.total = total
        self.unit = unit
        self.now = now
        start = now()
    }

    /// - Parameters:
    ///   - done: how much of the total is done.
    ///   - count: how many of the unit, where that is something else.
    public func text(_ done: Int, count: Int? = nil) -> String {
        let (count, seconds) = (count ?? done, now() - start)
        var parts = [name]
        let share = total.map { $0 > 0 ? min(1, Double(done) / Double($0)) : 1 }
        if let share { parts.append("\(Self.bar(share)) \(Int(share * 100)) %") }
        parts.append("\(Self.short(Double(count))) \(unit)")
        // A rate of the first moments would say nothing.
        if seconds >= 0.5 {
            parts.append("\(Self.short(Double(count) / seconds)) \(unit)/s")
            if let share, share > 0.01 { parts.append(Self.time(seconds / share * (1 - share)) + " left") }
        }
        return parts.joined(separator: ", ")
    }

    private static func bar(_ share: Double) -> String {
        let filled = Int(share * Double(barWidth))
        return "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: barWidth - filled) + "]"
    }

    /// Three digits and a unit of a thousand: 12.3 M.
    private static func short(_ value: Double) -> String {
        var (value, step) = (value, 0)
        while value >= 1000, step < 4 { (value, step) = (value / 1000, step + 1) }
        let places: Double = step == 0 || value >= 100 ? 1 : value >= 10 ? 10 : 100
        let rounded = (value * places).rounded() / places
        return (places == 1 ? "\(Int(rounded))" : "\(rounded)") + ["", " K", " M", " G", " T"][step]
    }

    private static func time(_ seconds: Double) -> String {
        let whole = Int(seconds.rounded())
        return whole < 100 ? "\(whole) s" : "\(whole / 60) min"
    }
}
