/// Typed reads of one section's keys, each with its default and its limits.
///
/// A key that is absent has its default. Anything else that does not fit throws `ConfigError` with the value's place.
public struct ConfigSection {
    let file: ConfigFile
    /// Empty for the top of the file.
    let name: String

    /// A whole number within `range`, as `1000` or `1_000`.
    public func int<Number: FixedWidthInteger>(
        _ key: String, default value: Number, in range: ClosedRange<Number>
    ) throws -> Number {
        try read(key, expecting: "an integer from \(range.lowerBound) to \(range.upperBound)", default: value) {
            text, plain in
            guard plain, !text.hasPrefix("_"), !text.hasSuffix("_"), !text.contains("__") else { return nil }
            return Number(text.filter { $0 != "_" }).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// A finite number within `bounds`, as `0.1`, `2` or `1e-3`.
    public func double(_ key: String, default value: Double, in bounds: NumberBounds) throws -> Double {
        try read(key, expecting: "a number \(bounds)", default: value) { text, plain in
            guard plain else { return nil }
            return Double(text).flatMap { bounds.contains($0) ? $0 : nil }
        }
    }

    /// `true` or `false`.
    public func bool(_ key: String, default value: Bool) throws -> Bool {
        try read(key, expecting: "true or false", default: value) { text, plain in plain ? Bool(text) : nil }
    }

    /// Any text, with or without quotes.
    public func string(_ key: String, default value: String) throws -> String {
        try read(key, expecting: "text", default: value) { text, _ in text }
    }

    /// One of the names of `Choice`.
    public func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ key: String, default value: Choice
    ) throws -> Choice {
        let names = Choice.allCases.map(\.rawValue)
        return try read(
            key, expecting: "one of \(names.joined(separator: ", "))", default: value,
            action: { nearestName(to: $0, in: names).map { "Did you mean \($0)?" } },
            parse: { text, _ in Choice(rawValue: text) })
    }

    /// Text in which `${NAME}` stands for an environment variable.
    ///
    /// - Parameter emptyAllowed: whether the text may be empty.
    /// - Throws: `ConfigError` that names a variable that is not set.
    public func path(_ key: String, default value: String, emptyAllowed: Bool = false) throws -> String {
        let text = try string(key, default: value)
        if text.isEmpty && !emptyAllowed { throw error(key, expected: "a path", found: "nothing") }
        var expanded = ""
        var rest = text[...]
        while let start = rest.firstRange(of: "${") {
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else {
                throw error(key, expected: "`}` after `${`", found: text)
            }
            let variable = String(rest[start.upperBound..<end])
            guard let found = file.environment[variable], !found.isEmpty else {
                throw error(
                    key, expected: "the environment variable \(variable)", found: "no such variable",
                    action: "Set it, or write the path out")
            }
            expanded += rest[..<start.lowerBound] + found
            rest = rest[rest.index(after: end)...]
        }
        return expanded + rest
    }

    /// An error about `key`, at its place in the file.
    public func error(
        _ key: String, expected: String, found: String, action: String = "Correct it"
    ) -> ConfigError {
        let dotted = dotted(key)
        return ConfigError(
            place: file.place(of: dotted), subject: dotted, expected: expected, found: found, action: action)
    }

    private func dotted(_ key: String) -> String { name.isEmpty ? key : "\(name).\(key)" }

    private func read<Value>(
        _ key: String, expecting expected: String, default value: Value, action: (String) -> String? = { _ in nil },
        parse: (_ text: String, _ plain: Bool) -> Value?
    ) throws -> Value {
        file.record(key, in: name)
        guard let item = file.items[dotted(key)] else { return value }
        guard case .scalar(let text, let plain) = item.value else {
            throw error(key, expected: expected, found: describe(item.value))
        }
        // `--set key=` is the empty text, but `key:` in the file is a forgotten value.
        let forgotten = plain && isNull(text) && !item.isOverride
        guard !forgotten, let parsed = parse(text, plain) else {
            throw error(key, expected: expected, found: describe(item.value), action: action(text) ?? "Correct it")
        }
        return parsed
    }
}

/// The numbers that a setting may take.
public struct NumberBounds: CustomStringConvertible, Sendable {
    private let lower: Double
    private let includesLower: Bool
    private let upper: Double
    private let includesUpper: Bool

    public static func from(_ lower: Double, to upper: Double = .infinity) -> NumberBounds {
        NumberBounds(lower: lower, includesLower: true, upper: upper, includesUpper: true)
    }

    public static func from(_ lower: Double, below upper: Double) -> NumberBounds {
        NumberBounds(lower: lower, includesLower: true, upper: upper, includesUpper: false)
    }

    public static func above(_ lower: Double, to upper: Double = .infinity) -> NumberBounds {
        NumberBounds(lower: lower, includesLower: false, upper: upper, includesUpper: true)
    }

    /// Never true for what is not a finite number.
    public func contains(_ value: Double) -> Bool {
        value.isFinite && (includesLower ? value >= lower : value > lower)
            && (includesUpper ? value <= upper : value < upper)
    }

    public var description: String {
        let from = includesLower ? "from \(lower)" : "above \(lower)"
        if upper == .infinity { return includesLower ? "of at least \(lower)" : from }
        return from + (includesUpper ? " to \(upper)" : " to below \(upper)")
    }
}
