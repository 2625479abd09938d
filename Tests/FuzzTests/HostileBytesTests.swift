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
    private static let rounds = environment["FUZZ_ROUNDS"].flatMap { Int($0) } ?? 2000

    @Test("a reader gives an error or a sound value, whatever the bytes", arguments: FuzzReaders.names)
    func survives(_ name: String) async {
        let (seed, rounds) = (Self.seed, Self.rounds)
        await #expect(processExitsWith: .success, "\(name): seed \(seed), \(rounds) rounds; the process says which") {
            [name = name as String, seed = seed as UInt64, rounds = rounds as Int] in
            var plan = FuzzPlan(seed: seed, rounds: rounds)
            plan.addressMebibytesMax = 1024
            print(try FuzzReaders.make(name).run(plan).line)
        }
    }
}
