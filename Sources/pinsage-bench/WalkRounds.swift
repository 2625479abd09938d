import Basics
import Configuration
import Foundation
import GraphStore
import Sampling

/// Rounds of timings of one graph, interleaved: what disturbs the machine for a while disturbs all alike.
struct WalkRounds {
    private let name: String
    private let path: String
    private let graph: BipartiteGraph
    /// The same without its layout.
    private let rows: BipartiteGraph

    private static let seed: UInt64 = 1
    private static let pinsPerSample = 20_000

    init(path: String, name: String) throws {
        (self.path, self.name) = (path, name)
        graph = try BipartiteGraph(directory: path)
        rows = try BipartiteGraph(directory: path, usesLayout: false)
    }

    func run(rounds: Int, _ line: ProgressLine) throws -> WalkReport.Graph {
        let layoutBytes = try Self.byteCount("\(path)/\(WalkLayout.fileName)")
        try verify()
        let ways = ways()
        var samples = [Samples](repeating: Samples(), count: ways.count)
        var limits = [Double](repeating: 0, count: RandomLines.chainCounts.count)
        let hugeBefore = HugePages.anonymousBytes()
        let table = RandomLines(byteCount: layoutBytes)
        let tableHugeShare = min((HugePages.anonymousBytes() - hugeBefore) / Double(table.byteCount), 1)
        for round in 0..<rounds {
            for (index, chains) in RandomLines.chainCounts.enumerated() {
                limits[index] = max(limits[index], table.rate(chains: chains, lines: chains == 1 ? 1 << 20 : 1 << 24))
            }
            for (index, way) in ways.enumerated() {
                line.update("\(name), round \(round + 1) of \(rounds): \(way.name)")
                if round == 0 { _ = try way.rate(rounds) }
                samples[index].add(try 1 / way.rate(round))
            }
        }
        let entries = zip(ways, samples).map { way, sample in
            WalkReport.Entry(name: way.name, unit: way.unit, rate: 1 / sample.median, spread: sample.spread)
        }
        return WalkReport.Graph(
            name: name, pins: graph.pinCount, boards: graph.boardCount, edges: graph.edgeCount,
            layoutBytes: layoutBytes, tableHugeShare: tableHugeShare,
            layoutHugeShare: HugePages.share(ofFile: "\(path)/\(WalkLayout.fileName)"),
            lines: zip(RandomLines.chainCounts, limits).map { WalkReport.Lines(chains: $0, rate: $1) },
            entries: entries)
    }

    /// Neighbourhoods a second, for a process that another one starts.
    static func neighborhoodRate(graph path: String) throws -> Double {
        let rounds = try WalkRounds(path: path, name: path)
        _ = try rounds.neighborhoods(rounds.graph, 0)
        var samples = Samples()
        for round in 1...8 { samples.add(try 1 / rounds.neighborhoods(rounds.graph, round)) }
        return 1 / samples.median
    }

    private struct Way {
        let name: String
        let unit: String
        /// Units a second, in the round of that number.
        let rate: (Int) throws -> Double
    }

    private func ways() -> [Way] {
        [
            Way(name: "steps over the layout, restart 0", unit: "steps") { try steps(graph, 0, $0) },
            Way(name: "steps over the layout", unit: "steps") { try steps(graph, 0.5, $0) },
            Way(name: "steps over compressed rows, restart 0", unit: "steps") { try steps(rows, 0, $0) },
            Way(name: "steps over compressed rows", unit: "steps") { try steps(rows, 0.5, $0) },
            Way(name: "steps, one walk at a time", unit: "steps") { try plainSteps($0) },
            Way(name: "neighbourhoods over the layout", unit: "neighborhoods") { try neighborhoods(graph, $0) },
            Way(name: "neighbourhoods over compressed rows", unit: "neighborhoods") { try neighborhoods(rows, $0) },
            Way(name: "neighbourhoods, one walk at a time", unit: "neighborhoods") { try plainNeighborhoods($0) },
            Way(name: "neighbourhoods over the layout, the slower of two processes", unit: "neighborhoods") { _ in
                try slowerOfTwo()
            },
        ]
    }

    /// Refuses to time what is wrong.
    private func verify() throws {
        let pins = Array(try pins(0).prefix(200))
        let (fast, overRows) = (NeighborhoodTable(), NeighborhoodTable())
        for (graph, table) in [(graph, fast), (rows, overRows)] {
            unsafe pins.withUnsafeBufferPointer {
                unsafe sampler(graph, 0.5).sample(pins: $0, window: 0, into: table)
            }
        }
        let plain = RandomWalk(graph: rows, walks: walks(0.5), seed: Self.seed)
        for (list, pin) in pins.enumerated() {
            let expected = plain.neighborhood(of: pin, window: 0)
            for table in [fast, overRows] {
                guard table.pins(of: list) == expected.map(\.pin), table.visits(of: list) == expected.map(\.visits)
                else { throw BenchError.wrong(kernel: "walks", difference: "pin \(pin) of \(path)") }
            }
        }
    }

    private func steps(_ graph: BipartiteGraph, _ restart: Double, _ round: Int) throws -> Double {
        let (sampler, pins) = (sampler(graph, restart), try pins(round))
        let start = processorSeconds()
        unsafe pins.withUnsafeBufferPointer { unsafe sampler.walk(pins: $0, window: 0) }
        return Double(sampler.walkStepCount) / (processorSeconds() - start)
    }

    private func neighborhoods(_ graph: BipartiteGraph, _ round: Int) throws -> Double {
        let (sampler, pins, table) = (sampler(graph, 0.5), try pins(round), NeighborhoodTable())
        let start = processorSeconds()
        for batch in stride(from: 0, to: pins.count, by: 1000) {
            table.removeAll()
            unsafe pins[batch..<min(batch + 1000, pins.count)].withUnsafeBufferPointer {
                unsafe sampler.sample(pins: $0, window: 0, into: table)
            }
        }
        return Double(pins.count) / (processorSeconds() - start)
    }

    private func plainSteps(_ round: Int) throws -> Double {
        let plain = RandomWalk(graph: rows, walks: walks(0.5), seed: Self.seed)
        var count = 0
        let start = processorSeconds()
        for pin in try pins(round).prefix(500) {
            for walk in 0..<plain.walks.count { count += plain.visits(from: pin, walk: walk, window: 0).count }
        }
        return Double(count) / (processorSeconds() - start)
    }

    private func plainNeighborhoods(_ round: Int) throws -> Double {
        let plain = RandomWalk(graph: rows, walks: walks(0.5), seed: Self.seed)
        let start = processorSeconds()
        for pin in try pins(round).prefix(500) { _ = plain.neighborhood(of: pin, window: 0) }
        return 500 / (processorSeconds() - start)
    }

    /// Two processes at once on one map.
    private func slowerOfTwo() throws -> Double {
        let outputs = try (0..<2).map { _ in
            let (process, pipe) = (Process(), Pipe())
            process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            process.arguments = ["walks", "--rate", path]
            process.standardOutput = pipe
            try process.run()
            return pipe.fileHandleForReading
        }
        let rates = try outputs.map { output in
            let text = String(decoding: try output.readToEnd() ?? Data(), as: UTF8.self)
            guard let rate = Double(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
                throw BenchError.wrong(kernel: "walks --rate \(path)", difference: "no figure: '\(text)'")
            }
            return rate
        }
        return min(rates[0], rates[1])
    }

    /// Other pins in each round, all over the graph; each has a board.
    private func pins(_ round: Int) throws -> [UInt32] {
        try graph.randomFiledPins(Self.pinsPerSample, round: round)
    }

    private func walks(_ restart: Double) -> WalkSettings {
        var walks = WalkSettings()
        (walks.count, walks.steps, walks.top, walks.restart) = (10, 50, 25, restart)
        return walks
    }

    private func sampler(_ graph: BipartiteGraph, _ restart: Double) -> NeighborhoodSampler {
        NeighborhoodSampler(graph: graph, walks: walks(restart), seed: Self.seed)
    }

    static func byteCount(_ path: String) throws -> Int {
        guard let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int else { return 0 }
        return size
    }
}
