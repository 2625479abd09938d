import ArgumentParser
import Foundation
import GraphStore
import Kernels
import Search

/// `pinsage related`: the pins nearest to one pin.
struct RelatedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "related", abstract: "Print the pins nearest to a pin, best first.")

    @Option(help: "Embeddings directory.")
    var embeddings: String

    @Option(help: "External id of the pin.")
    var pin: String

    @Option(help: "How many pins to print.")
    var top = 10

    @Flag(help: "Compare with every pin. Every search of this version is exact, with the flag or without.")
    var exact = false

    @Flag(help: "Print one JSON object on standard output.")
    var json = false

    func validate() throws {
        guard top >= 1 else { throw ValidationError("--top is \(top): expected 1 or more") }
    }

    func run() throws {
        let directory = try EmbeddingDirectory(path: embeddings)
        let ids = try ExternalIDs(path: directory.pinsPath, expectedCount: directory.table.rows)
        guard let query = ids.row(of: pin) else { throw SearchError.unknownPin(id: pin, path: directory.pinsPath) }
        let found = directory.search(kernels: Kernels()).nearest(to: [query], count: top)[0]
        let related = found.map { Answer.Related(pin: ids.id(Int($0.row)), score: $0.score) }
        if json {
            try printJSON(Answer(pin: pin, metric: directory.metric.rawValue, related: related))
        } else {
            for neighbor in related { print(String(format: "%9.6f  ", neighbor.score) + neighbor.pin) }
        }
    }

    private struct Answer: Encodable {
        struct Related: Encodable {
            let pin: String
            let score: Float
        }
        let pin: String
        let metric: String
        let related: [Related]
    }
}
