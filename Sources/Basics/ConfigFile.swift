import Foundation
import Yams

/// A YAML file of `key: value` lines and of sections of such lines, read key by key.
///
/// Every read is recorded, so that `finish()` can name a key that nobody asked for. Not for sharing between threads.
public final class ConfigFile {
    /// Where a value stands and what it is.
    struct Item {
        enum Value: Equatable {
            /// `plain`: written without quotes, so that it may be a number, a flag or nothing.
            case scalar(String, plain: Bool)
            case section
            case list
        }
        var value: Value
        /// Place of the key and of the value.
        var keyPlace: String
        var valuePlace: String
        /// Whether it comes from the command line, where the value is taken letter by letter.
        var isOverride = false
    }

    public static let byteCountMax = 1 << 20
    /// Most aliases (`*name`): a few dozen, each a list of others, would stand for more values than can be counted.
    public static let aliasCountMax = 8

    public let path: String
    let environment: [String: String]
    /// By dotted key. Sections are there too.
    private(set) var items: [String: Item] = [:]
    /// Dotted keys as they were found.
    private var order: [String] = []
    /// Names that were asked for, by section; the empty section is the top of the file.
    private var known: [String: [String]] = [:]

    /// Reads and parses the file; checks nothing but its form.
    ///
    /// - Throws: `ConfigError` with the path, or with line and column of the first fault.
    public convenience init(path: String, environment: [String: String] = ProcessInfo.processInfo.environment) throws {
        try self.init(text: try Self.read(path), path: path, environment: environment)
    }

    /// Parses `text`; errors speak of `path`.
    public init(
        text: String, path: String, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws {
        self.path = path
        self.environment = environment
        let aliases = Self.aliasCount(text)
        guard aliases <= Self.aliasCountMax else {
            throw ConfigError(
                place: path, subject: "config file", expected: "at most \(Self.aliasCountMax) aliases",
                found: "\(aliases) words that begin with an asterisk", action: "Write the values out")
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw Self.formError(error, path: path)
        }
        guard let root, !Self.isNothing(root) else {
            throw ConfigError(place: path, subject: "config file", expected: "`key: value` lines", found: "nothing")
        }
        guard case .mapping(let mapping) = root else {
            throw ConfigError(
                place: place(root.mark), subject: "config file", expected: "`key: value` lines",
                found: Self.kind(of: root))
        }
        try add(mapping, under: "")
    }

    /// Sets one value from the command line, in place of what the file says.
    ///
    /// - Parameter assignment: `section.key=value` or `key=value`; the value is taken letter by letter.
    public func override(_ assignment: String) throws {
        let place = "--set \(assignment)"
        guard let equals = assignment.firstIndex(of: "="), equals != assignment.startIndex else {
            throw ConfigError(place: place, subject: "override", expected: "SECTION.KEY=VALUE", found: assignment)
        }
        let text = String(assignment[assignment.index(after: equals)...])
        let item = Item(value: .scalar(text, plain: true), keyPlace: place, valuePlace: place, isOverride: true)
        insert(item, at: String(assignment[..<equals]))
    }

    /// The keys at the top of the file.
    public var top: ConfigSection { ConfigSection(file: self, name: "") }

    /// The keys under `name:`; a section that is absent or empty leaves every key at its default.
    public func section(_ name: String) throws -> ConfigSection {
        record(name, in: "")
        known[name, default: []] += []
        if let item = items[name], item.value != .section {
            guard case .scalar(let text, true) = item.value, isNull(text) else {
                throw ConfigError(
                    place: item.valuePlace, subject: name, expected: "a section of keys", found: describe(item.value))
            }
        }
        return ConfigSection(file: self, name: name)
    }

    /// Ends reading.
    ///
    /// - Throws: `ConfigError` for the first key that no read asked for, with the names there are and the nearest one.
    public func finish() throws {
        for key in order {
            let parts = key.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let (section, name) = parts.count == 2 ? (parts[0], parts[1]) : ("", key)
            guard let names = known[section] else { throw unknown(section, in: "", at: key) }
            if !names.contains(name) { throw unknown(name, in: section, at: key) }
        }
    }

    /// Where the value of the first of `keys` that is set stands; the path alone when none is.
    public func place(of keys: String...) -> String {
        keys.lazy.compactMap { self.items[$0]?.valuePlace }.first ?? path
    }

    func record(_ name: String, in section: String) {
        if known[section]?.contains(name) != true { known[section, default: []].append(name) }
    }
}

extension ConfigFile {
    private func add(_ mapping: Node.Mapping, under section: String) throws {
        for (key, value) in mapping {
            guard let name = key.scalar?.string, !name.isEmpty else {
                throw ConfigError(
                    place: place(key.mark), subject: section.isEmpty ? "key" : section, expected: "a name",
                    found: Self.kind(of: key))
            }
            let found: Item.Value
            switch value {
            case .mapping: found = .section
            case .scalar(let scalar): found = .scalar(scalar.string, plain: scalar.style == .plain)
            case .sequence, .alias: found = .list
            }
            insert(
                Item(value: found, keyPlace: place(key.mark), valuePlace: place(value.mark)),
                at: section.isEmpty ? name : "\(section).\(name)")
            if case .mapping(let inner) = value, section.isEmpty { try add(inner, under: name) }
        }
    }

    private func insert(_ item: Item, at key: String) {
        if items.updateValue(item, forKey: key) == nil { order.append(key) }
    }

    private func place(_ mark: Mark?) -> String {
        mark.map { "\(path):\($0.line):\($0.column)" } ?? path
    }

    private func unknown(_ name: String, in section: String, at key: String) -> ConfigError {
        let names = (known[section] ?? []).sorted()
        let elsewhere = known.keys.sorted().first { known[$0]?.contains(name) == true }
        let near = nearestName(to: name, in: names) ?? elsewhere.map { $0.isEmpty ? name : "\($0).\(name)" }
        return ConfigError(
            place: items[key]?.keyPlace ?? path, subject: key, expected: "one of \(names.joined(separator: ", "))",
            found: "unknown key \(name)", action: near.map { "Did you mean \($0)?" } ?? "Remove it")
    }

    /// Asterisks that may begin an alias: before a letter, a digit, `_` or `-`, but not inside a word or a path.
    private static func aliasCount(_ text: String) -> Int {
        func isOfName(_ byte: UInt8) -> Bool {
            (48...57).contains(byte) || (97...122).contains(byte | 32) || byte == UInt8(ascii: "_")
                || byte == UInt8(ascii: "-")
        }
        let bytes = Array(text.utf8)
        return zip(bytes.indices, bytes).count { at, byte in
            byte == UInt8(ascii: "*") && at + 1 < bytes.count && isOfName(bytes[at + 1])
                && (at == 0 || !(isOfName(bytes[at - 1]) || bytes[at - 1] == UInt8(ascii: "/")))
        }
    }

    private static func isNothing(_ node: Node) -> Bool {
        guard case .scalar(let scalar) = node else { return false }
        return scalar.style == .plain && isNull(scalar.string)
    }

    private static func kind(of node: Node) -> String {
        switch node {
        case .scalar(let scalar): return scalar.string.isEmpty ? "nothing" : "`\(scalar.string)`"
        case .mapping: return "a section"
        case .sequence: return "a list"
        case .alias: return "an alias"
        }
    }

    private static func read(_ path: String) throws -> String {
        func error(_ expected: String, _ found: String, _ action: String = "Name a config file") -> ConfigError {
            ConfigError(place: path, subject: "config file", expected: expected, found: found, action: action)
        }
        var isDirectory: ObjCBool = false
        guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw error("a YAML file", "no such file")
        }
        if isDirectory.boolValue { throw error("a YAML file", "a directory") }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw error("a file that may be read", "one that may not", "Change its permissions")
        }
        if data.count > byteCountMax { throw error("at most \(byteCountMax) bytes", "\(data.count)") }
        guard let text = String(data: data, encoding: .utf8) else {
            throw error("UTF-8 text", "other bytes", "Convert it with iconv")
        }
        return text
    }

    private static func formError(_ error: YamlError, path: String) -> ConfigError {
        func at(_ mark: Mark, _ problem: String) -> ConfigError {
            ConfigError(
                place: "\(path):\(mark.line):\(mark.column)", subject: "syntax", expected: "YAML",
                found: "a fault: \(problem)")
        }
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return at(mark, problem)
        case .reader(let problem, _, _, _):
            return ConfigError(place: path, subject: "syntax", expected: "YAML", found: "a fault: \(problem)")
        case .duplicatedKeysInMapping(let names, let context):
            return ConfigError(
                place: "\(path):\(context.mark.line):\(context.mark.column)", subject: names.first ?? "key",
                expected: "each key once", found: "it again further down")
        default:
            return ConfigError(place: path, subject: "syntax", expected: "YAML", found: "\(error)")
        }
    }
}

/// Whether unquoted `text` stands for no value.
func isNull(_ text: String) -> Bool { text.isEmpty || text == "~" || text == "null" }

/// A value as an error line names it.
func describe(_ value: ConfigFile.Item.Value) -> String {
    switch value {
    case .scalar(let text, let plain): return !plain ? "the text \"\(text)\"" : text.isEmpty ? "nothing" : text
    case .section: return "a section"
    case .list: return "a list"
    }
}
