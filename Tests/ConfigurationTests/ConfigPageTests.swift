import Configuration
import Foundation
import Testing

/// docs/CONFIG.md against the program: every key, its default and what it takes.
@Suite struct ConfigPageTests {
    private struct Row: Equatable, CustomStringConvertible {
        var key: String
        var standard: String
        var takes: String
        var description: String { "| `\(key)` | `\(standard)` | \(takes) |" }
    }

    @Test("the page's table has every key with its default and what it takes, in the order of the resolved text")
    func everyKey() throws {
        let page = try pageRows()
        let program = programRows()
        for row in program where !page.contains(row) {
            Issue.record("docs/CONFIG.md has no row that begins: \(row)")
        }
        for row in page where !program.contains(row) {
            Issue.record("docs/CONFIG.md has a row that the program does not know: \(row)")
        }
        #expect(page.map(\.key) == program.map(\.key))
    }

    /// The rows of the table whose first column is one key between backquotes.
    private func pageRows() throws -> [Row] {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../../docs/CONFIG.md")
        let text = try String(contentsOf: path, encoding: .utf8)
        let parts = text.components(separatedBy: "| key | default | takes | meaning |\n")
        let table = try #require(parts.dropFirst().first)
        return table.components(separatedBy: "\n\n")[0].split(separator: "\n").dropFirst().map { line in
            let columns = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            func code(_ column: Int) -> String { columns[column].trimmingCharacters(in: ["`"]) }
            return Row(key: code(0), standard: code(1), takes: columns[2])
        }
    }

    /// Keys and defaults as the resolved text has them; what a key takes as its error message says it.
    private func programRows() -> [Row] {
        var section = ""
        var rows: [Row] = []
        for line in PipelineSettings().resolvedYAML().split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            if !line.hasPrefix(" ") { section = "" }
            if line.hasSuffix(":") {
                section = parts[0] + "."
                continue
            }
            let key = section + parts[0]
            rows.append(Row(key: key, standard: parts[1], takes: whatItTakes(key)))
        }
        return rows
    }

    /// From `…: expected WHAT, found …`, for a value that no number, choice or endpoint is, or for none.
    private func whatItTakes(_ key: String) -> String {
        for value in ["?", ""] {
            do {
                _ = try PipelineSettings.load(text: "seed: 1", path: "c.yaml", overrides: ["\(key)=\(value)"])
            } catch {
                let rest = "\(error)".components(separatedBy: ": expected ").dropFirst().joined()
                return rest.components(separatedBy: ", found ")[0]
            }
        }
        return "anything"
    }
}
