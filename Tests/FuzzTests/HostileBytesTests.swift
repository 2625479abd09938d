import Basics
import Foundation
import FuzzReaders
import TestSupport
import Testing

/// Every reader of outside bytes survives anything: a bounded part of `make fuzz`, in a process for each reader.
///
/// FUZZ_SEED and FUZZ_ROUNDS choose other inputs, or more.
@Suite(.serialized) struct HostileBytesTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let seed = environment["FUZZ_SEED"].flatMap { UInt64($0) } ?? 1
    private static let rounds = environment["FUZZ_ROUNDS"].flatMap { Int($0) } ?? 5000

    @Test("a reader gives an error or a sound value, whatever the bytes", arguments: FuzzReaders.names)
    func survives(_ name: String) async throws {
        let folder = try TemporaryDirectory()
        let (seed, rounds, report) = (Self.seed, Self.rounds, try folder.write("", to: "report"))
        await #expect(processExitsWith: .success, "\(name): seed \(seed), \(rounds) rounds") {
            [name = name as String, seed = seed as UInt64, rounds = rounds as Int, report = report as String] in
            // What the process says goes with it otherwise.
            dup2(open(report, O_WRONLY | O_CLOEXEC), 2)
            do {
                _ = try FuzzReaders.make(name).run(FuzzPlan(seed: seed, rounds: rounds))
            } catch {
                writeToStandardError("\(error)")
                exit(1)
            }
        }
        // The testing library writes a mark that is no text.
        let said = String(decoding: try folder.bytes("report"), as: UTF8.self)
        #expect(!said.contains("fuzz: "), "\(said)")
    }
}
