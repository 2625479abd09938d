/// Something in a config file, or in a `--set`, that cannot be used: one line for people.
///
/// `config: configs/demo.yaml:3:10: walks.count: expected an integer from 1 to 10000, found 0. Correct it.`
public struct ConfigError: Error, Equatable, CustomStringConvertible {
    /// `file:line:col`, `file`, or `--set a.b=c`.
    public var place: String
    /// The key, dotted, or what else the line is about.
    public var subject: String
    public var expected: String
    public var found: String
    /// What to do; a sentence without its full stop, or a question with its mark.
    public var action: String

    public init(place: String, subject: String, expected: String, found: String, action: String = "Correct it") {
        self.place = place
        self.subject = subject
        self.expected = expected
        self.found = found
        self.action = action
    }

    public var description: String {
        "config: \(place): \(subject): expected \(expected), found \(found). \(action)"
            + (action.hasSuffix("?") ? "" : ".")
    }
}

/// The name in `names` that `name` is most likely a slip of: at most a third of its letters (and always two) changed.
func nearestName(to name: String, in names: [String]) -> String? {
    let distances = names.map { (name: $0, distance: editDistance(Array(name.utf8), Array($0.utf8))) }
    guard let best = distances.min(by: { $0.distance < $1.distance }) else { return nil }
    return best.distance <= max(2, name.utf8.count / 3) && best.distance < best.name.utf8.count ? best.name : nil
}

/// Levenshtein distance: insertions, deletions and replacements that turn `a` into `b`.
private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var row = Array(0...b.count)
    for i in a.indices {
        var diagonal = row[0]
        row[0] = i + 1
        for j in b.indices {
            let replaced = diagonal + (a[i] == b[j] ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(replaced, diagonal + 1, row[j] + 1)
        }
    }
    return row[b.count]
}
