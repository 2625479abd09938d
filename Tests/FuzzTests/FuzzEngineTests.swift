import FuzzReaders
import TestSupport
import Testing

/// The engine finds what it is for.
@Suite struct FuzzEngineTests {
    private struct Refusal: Error, CustomStringConvertible { let description: String }

    /// A reader of "number 7" that `accept` may spoil.
    private func reader(_ accept: @escaping ([UInt8]) throws -> Void) -> FuzzReader {
        FuzzReader(name: "planted", samples: [[Array("number 7".utf8)]], errors: [Refusal.self]) { parts in
            let bytes = parts.first ?? []
            if bytes == Array("number 7".utf8) { return }
            try accept(bytes)
        }
    }

    private func finding(_ accept: @escaping ([UInt8]) throws -> Void) -> String? {
        do throws(FuzzFinding) {
            _ = try reader(accept).run(FuzzPlan(seed: 5, rounds: 20_000, hasOwnProcess: false))
            return nil
        } catch {
            return error.description
        }
    }

    @Test("a value that should not have been accepted, an error of another kind, and one that says nothing are found")
    func planted() {
        struct Stranger: Error {}
        #expect(finding { _ in throw Refusal(description: "no number. Write one.") } == nil)
        let wrong = finding { if $0.count == 9 { throw FuzzFinding("accepted nine bytes") } }
        #expect(
            wrong?.hasPrefix("fuzz: planted: seed 5 round ") == true
                && wrong?.hasSuffix(": accepted nine bytes") == true)
        #expect(finding { _ in throw Stranger() }?.contains("not an error of this reader: Stranger") == true)
        #expect(finding { _ in throw Refusal(description: "") }?.contains("not one line that says what to do") == true)
    }

    @Test("numbers in a text become others, among them enormous ones")
    func numbers() {
        for text in ["number 1152921504606846976", "number 8", "number 14"] {
            #expect(
                finding { if $0 == Array(text.utf8) { throw FuzzFinding("met") } }?.hasSuffix("met") == true, "\(text)")
        }
    }

    @Test("seed and round decide the input; packed and unpacked it is the same", arguments: FuzzReaders.names)
    func inputs(name: String) throws {
        let reader = try FuzzReaders.make(name)
        for round in UInt64(0)..<200 {
            var (one, other) = (FuzzMutator(reader, seed: 3, round: round), FuzzMutator(reader, seed: 3, round: round))
            let parts = one.next(reader).parts
            #expect(parts == other.next(reader).parts)
            if parts.count == reader.samples[0].count { #expect(reader.unpacked(reader.packed(parts)) == parts) }
        }
    }

    @Test("samples are accepted, and still are when resealed", arguments: FuzzReaders.names)
    func samples(name: String) throws {
        let reader = try FuzzReaders.make(name)
        for sample in reader.samples {
            for parts in [sample, reader.reseal(sample)] { #expect(try reader.check(parts) == .accepted) }
        }
    }
}
