import ArgumentParser
import Basics
import Evaluation
import FrontDoor
import GraphStore
import Kernels
import Search

/// `pinsage evaluate`: how well embeddings find held-out pairs, beside simple methods.
struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Rank held-out pairs, or held-out pins of boards, by embeddings and by simple methods beside them.",
        discussion: "The table goes to standard error; with --json one object goes to standard output.")

    @Option(help: "Embeddings directory.")
    var embeddings: String

    @Option(help: "Held-out pairs: one query TAB positive a line, external ids; perhaps a third column, their board.")
    var pairs: String?

    @Option(help: "Held-out edges: one board TAB pin a line, external ids, for recall and NDCG of boards.")
    var heldout: String?

    @Option(help: "List lengths K of the hit-rates, separated by commas.", transform: listLengths)
    var top = [10, 100, 500]

    @Option(help: "Graph directory for the baselines; by default the one the embeddings were made from.")
    var graph: String?

    @Option(help: "Threads. Changes no figure.")
    var threads = availableThreads()

    @Flag(help: "Print one JSON object on standard output.")
    var json = false

    func validate() throws {
        guard threads >= 1 else { throw ValidationError("--threads is \(threads): expected 1 or more") }
        guard pairs != nil || heldout != nil else { throw ValidationError("expected --pairs, --heldout or both") }
    }

    func run() throws {
        let directory = try EmbeddingDirectory(path: embeddings)
        let ids = try ExternalIDs(path: directory.pinsPath, expectedCount: directory.table.rows)
        let pairs = try pairs.map { try PairsFile(path: $0) { ids.row(of: $0) } }
        let graph = try GraphAtHand.open(directory.manifest, path: graph)
        if case .found(let found) = graph { try notePending(in: found) }
        let boards = try heldout.map { path in
            try HeldOutBoards(path: path, graph: graph.required(by: path)) { ids.row(of: $0) }
        }
        let kernels = Kernels(team: ThreadTeam(threads: threads))
        let line = ProgressLine()
        let report = try EvaluationReport.measure(
            model: directory.search(kernels: kernels),
            plainModel: directory.bias == nil ? nil : directory.search(withBias: false, kernels: kernels), pairs: pairs,
            boards: boards, graph: graph, top: top, kernels: kernels
        ) { line.update("ranking by \($0)") }
        line.finish("ranked by each method")
        writeToStandardError(report.table)
        if json { print(try report.json()) }
    }
}

private func listLengths(_ text: String) throws -> [Int] {
    try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
        guard let length = Int(part), length >= 1 else {
            throw ValidationError("--top is \(text): expected whole numbers from 1, separated by commas")
        }
        return length
    }
}
