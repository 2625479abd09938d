import ArgumentParser
import Basics
import FrontDoor
import GraphStore
import Search

/// `pinsage export`: embeddings for other tools.
struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write embeddings in another format.",
        discussion: """
            The folder of `pinsage embed` holds them as NumPy array and list of ids already; docs/USING_EMBEDDINGS.md \
            shows how to open them. word2vec: a line of text for each pin. parquet: columns pin, embedding and, with a \
            popularity prior, bias; needs Python with pyarrow.
            """)

    enum Format: String, CaseIterable, ExpressibleByArgument { case word2vec, parquet }

    @Option(help: "Embeddings directory.")
    var embeddings: String

    @Option(help: "Format: \(Format.allCases.map(\.rawValue).joined(separator: ", ")).")
    var format: Format

    @Option(help: "File to write; one that is there is replaced.")
    var out: String

    @Flag(help: "word2vec: the popularity prior as one more number of each pin.")
    var withBias = false

    func validate() throws {
        if withBias, format != .word2vec {
            throw ValidationError("--with-bias is for word2vec: Parquet has the column.")
        }
    }

    func run() throws {
        if format == .parquet {
            try PythonScript("export_parquet.py").run(["--embeddings", embeddings, "--out", out])
        }
        let stop = try StopToken()
        let directory = try EmbeddingDirectory(path: embeddings)
        let ids = try ExternalIDs(path: directory.pinsPath, expectedCount: directory.table.rows)
        let line = ProgressLine()
        let isWhole = try directory.writeWordVectors(
            to: out, withBias: withBias,
            id: { row in
                if row % 1024 == 0 { line.update("export: \(row) of \(ids.count) pins") }
                return ids.id(row)
            }, isStopped: { stop.isStopped })
        guard isWhole else { throw StoppedBySignal("pinsage export: stopped, nothing was written. Start again.") }
        line.finish("\(out): \(ids.count) pins")
    }
}
