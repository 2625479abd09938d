import ArgumentParser
import Artifacts
import Basics
import Foundation
import FrontDoor
import GraphStore

/// `pinsage-bench import`: edges a second from a text file to a graph, beside reading the file and counting its lines.
struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Time an import of generated edges, beside reading the file and counting its lines by one thread.",
        discussion: """
            Pins and boards are 3/40 and 3/100 of the edges, as 30 and 12 million of 400. The file is in the page cache \
            when it is read. Peak memory is that of the process, mapped files included.
            """)

    @Option(help: ArgumentHelp("Edges, 10000 … 4000000000.", valueName: "n"))
    var edges = 10_000_000

    @Option(help: ArgumentHelp("Threads. (default: every processor)", valueName: "n"))
    var threads = ProcessInfo.processInfo.activeProcessorCount

    @Option(help: ArgumentHelp("Megabytes of memory, 128 or more. (default: half of the machine's)", valueName: "MB"))
    var memory: Int?

    @Option(help: ArgumentHelp("Width of projected features, 1 … 4096.", valueName: "n"))
    var featureWidth = 64

    @Option(help: ArgumentHelp("Keep edges and graph in this folder, which is new.", valueName: "folder"))
    var keep: String?

    @Flag(help: "Print the result as one JSON object on stdout.")
    var json = false

    func validate() throws {
        guard (10_000...4_000_000_000).contains(edges), (1...1024).contains(threads), memory ?? 128 >= 128,
            (1...4096).contains(featureWidth)
        else { throw ValidationError("--edges, --threads, --memory, --feature-width: out of range, see --help.") }
    }

    func run() throws {
        let scratch = ScratchFolder(keeping: keep)
        defer { scratch.remove() }
        let folder = scratch.path
        let line = ProgressLine()
        let text = folder + "/edges.tsv"
        var made = GraphGeneratorOptions(output: folder)
        (made.pins, made.boards, made.edges) = (edges * 3 / 40, edges * 3 / 100, edges)
        let lines = try GraphGenerator.writeEdges(made, to: text) { line.update($0) }
        var report = ImportReport(machine: Machine(.best), threads: threads, edges: lines, steps: [])
        try report.add("reading the file, one thread") { try Self.read(text) { _ in } }
        try report.add("counting its lines, one thread") {
            var count = 0
            try Self.read(text) { for byte in $0 { count += byte == UInt8(ascii: "\n") ? 1 : 0 } }
            if count != lines { throw BenchError.wrong(kernel: "lines", difference: "\(count), \(lines)") }
        }
        Self.forgetPeak()
        var options = GraphImportOptions(edges: text, output: folder + "/graph")
        (options.threads, options.featureWidth) = (threads, featureWidth)
        options.memoryBytes = memory.map { $0 << 20 }
        try report.add("import") {
            let result = try GraphImport.run(options) { line.update($0) }
            if result.edges + result.repeats != lines {
                throw BenchError.wrong(kernel: "import", difference: "\(result.edges) edges, \(lines)")
            }
        }
        report.peakMegabytes = Self.peak() >> 20
        line.finish("imported \(lines) edges")
        if json { try printJSON(report) } else { print(report.table) }
    }

    private static func read(_ path: String, _ body: (ArraySlice<UInt8>) -> Void) throws {
        let reader = try DecompressingReader(path: path)
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while case let count = try unsafe buffer.withUnsafeMutableBytes({ try unsafe reader.read(into: $0) }), count > 0
        {
            body(buffer[..<count])
        }
    }

    /// Has the kernel count the peak of resident memory anew.
    private static func forgetPeak() {
        try? "5".write(toFile: "/proc/self/clear_refs", atomically: false, encoding: .utf8)
    }

    /// The most memory that was resident, in bytes.
    private static func peak() -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) << 10
    }
}

/// How long an import and its limits take.
struct ImportReport: Encodable {
    struct Step: Encodable {
        let name: String
        let seconds: Double
    }

    let machine: Machine
    let threads: Int
    let edges: Int
    var steps: [Step]
    var peakMegabytes = 0

    mutating func add(_ name: String, _ body: () throws -> Void) throws {
        let start = steadySeconds()
        try body()
        steps.append(Step(name: name, seconds: steadySeconds() - start))
    }

    var table: String {
        var lines = [
            "\(machine.cpu), \(threads) threads; \(edges) edges; import's peak memory \(peakMegabytes) MB", "",
            "| step | s | M edges/s |", "|---|---|---|",
        ]
        for step in steps {
            let rate = Double(edges) / step.seconds / 1e6
            lines.append("| \(step.name) | \(String(format: "%.2f | %.2f", step.seconds, rate)) |")
        }
        return lines.joined(separator: "\n")
    }
}
