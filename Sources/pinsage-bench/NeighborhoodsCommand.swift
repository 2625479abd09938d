import ArgumentParser
import Basics
import Configuration
import Foundation
import FrontDoor
import GraphStore
import Sampling

/// How many neighbourhoods one thread samples in a second.
struct NeighborhoodsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "neighborhoods",
        abstract: "Times whole neighbourhoods of random pins: walks, counts and the most visited, one thread.")

    @Option(help: ArgumentHelp("Graph folder.", valueName: "folder"))
    var graph: String

    @Option(help: ArgumentHelp("Pins of a round, 1 … 10000000.", valueName: "n"))
    var pins = 20_000

    @Option(help: "Rounds, 1 … 1000; each has other pins.")
    var rounds = 3

    @Option(help: ArgumentHelp("A walk setting, as walks.restart=0; as often as you like.", valueName: "key=value"))
    var set: [String] = []

    @Flag(help: "Print one JSON object to standard output.")
    var json = false

    func validate() throws {
        guard (1...10_000_000).contains(pins), (1...1000).contains(rounds) else {
            throw ValidationError("--pins, --rounds: expected 1 … 10000000 and 1 … 1000, found \(pins) and \(rounds).")
        }
    }

    func run() throws {
        let settings = try PipelineSettings.load(text: "seed: 1", path: "--set", overrides: set)
        let graph = try BipartiteGraph(directory: graph)
        let sampler = NeighborhoodSampler(graph: graph, walks: settings.walks, seed: settings.seed)
        var (neighborhoods, steps) = (Samples(), Samples())
        var entries = 0
        let table = NeighborhoodTable()
        for round in 0...rounds {
            let seeds = try graph.randomFiledPins(pins, round: round)
            table.removeAll()
            let before = sampler.walkStepCount
            let start = steadySeconds()
            unsafe seeds.withUnsafeBufferPointer { unsafe sampler.sample(pins: $0, window: UInt64(round), into: table) }
            let seconds = steadySeconds() - start
            // The first round warms the caches.
            if round == 0 { continue }
            neighborhoods.add(Double(pins) / seconds)
            steps.add(Double(sampler.walkStepCount - before) / seconds)
            entries += table.entryCount
        }
        let report = Report(
            pins: pins, neighborhoodsPerSecond: neighborhoods.median, stepsPerSecond: steps.median,
            spread: neighborhoods.spread, neighbors: Double(entries) / Double(rounds * pins))
        if json { return try printJSON(report) }
        print(
            String(
                format: "%.0f neighbourhoods/s (± %.0f %%), %.1f M steps/s, %.1f neighbours each",
                report.neighborhoodsPerSecond, 100 * report.spread, report.stepsPerSecond / 1e6, report.neighbors))
    }

    private struct Report: Encodable {
        let pins: Int
        let neighborhoodsPerSecond: Double
        /// Counting and choosing included.
        let stepsPerSecond: Double
        let spread: Double
        /// Mean length of the lists.
        let neighbors: Double
    }
}

extension BipartiteGraph {
    /// `count` random pins that are on a board, with repeats; others in each round.
    func randomFiledPins(_ count: Int, round: Int) throws -> [UInt32] {
        guard edgeCount > 0 else { throw BenchError.noEdges(directory) }
        var random = CounterBasedGenerator(seed: 1, purpose: 31, UInt64(round), 0)
        var pins: [UInt32] = []
        while pins.count < count {
            let pin = UInt32.random(in: 0..<UInt32(pinCount), using: &random)
            if hasBoard(pin, hiding: .none) { pins.append(pin) }
        }
        return pins
    }
}
