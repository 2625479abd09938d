import Basics
import Configuration
import Logging
import Minibatches
import Testing
import Training

@Suite struct DispatcherTests {
    private let settings: PipelineSettings
    private let identity = GraphIdentity(fingerprint: "0123456789abcdef", pinCount: 40, featureWidth: 6)
    private let alice: Dispatcher.Peer = [1]
    private let bob: Dispatcher.Peer = [2]

    init() {
        var settings = PipelineSettings()
        settings.trainer.features = .inline
        settings.samplers.credit = 2
        settings.samplers.leaseSeconds = 100
        self.settings = settings
    }

    private func dispatcher(graph: GraphIdentity?) -> Dispatcher {
        let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        return Dispatcher(graph: graph, batches: 0..<10, settings: settings, log: log)
    }

    private func hello(
        _ name: String, fingerprint: UInt64 = ScriptedWorker.fingerprint, recipe: UInt64? = nil, version: Int = 1
    ) -> ControlMessage {
        .hello(
            worker: WorkerDescription(
                graphFingerprint: fingerprint, recipe: recipe ?? settings.recipe(graphFingerprint: fingerprint),
                name: name, pid: 1, host: "h", pinCount: 40, featureWidth: 6, protocolVersion: version))
    }

    private func batch(_ index: UInt64, recipe: UInt64? = nil) -> [Frame] {
        let right = settings.recipe(graphFingerprint: ScriptedWorker.fingerprint)
        return MinibatchCodec.encode(
            ScriptedWorker.minibatch(index, recipe: recipe ?? right), sampler: "alice")
    }

    @Test("a worker is welcomed and given tickets up to its credit")
    func welcome() {
        var dispatcher = dispatcher(graph: identity)
        #expect(
            dispatcher.take(hello("alice"), from: alice, now: 0)
                == [.init(peer: alice, message: .welcome(credit: 2))])
        #expect(dispatcher.tick(now: 0) == [.init(peer: alice, message: .ticket(batches: [0, 1]))])
        #expect(dispatcher.tick(now: 0).isEmpty)
    }

    @Test("a trainer without the graph learns from the first worker which graph it is")
    func firstWorkerSaysWhichGraph() {
        var dispatcher = dispatcher(graph: nil)
        _ = dispatcher.take(hello("alice"), from: alice, now: 0)
        #expect(dispatcher.graph == identity)
        let answer = dispatcher.take(hello("bob", fingerprint: 7), from: bob, now: 0)
        #expect(
            answer == [
                .init(
                    peer: bob,
                    message: .refused(
                        reason: "graph: expected 0123456789abcdef (40 pins, features 6 wide) as the trainer has, "
                            + "found 0000000000000007 (40 pins, features 6 wide)"))
            ])
    }

    @Test("another protocol version or recipe is refused with both values")
    func refusals() {
        var dispatcher = dispatcher(graph: identity)
        func reason(_ message: ControlMessage) -> String {
            guard case .refused(let reason) = dispatcher.take(message, from: alice, now: 0).first?.message else {
                return "not refused"
            }
            return reason
        }
        #expect(reason(hello("a", version: 9)) == "protocol version: expected 1 as the trainer has, found 9")
        #expect(
            reason(hello("a", recipe: 0xAB)).hasPrefix(
                "recipe of the batches (seed, walks, batch and trainer.features): expected "))
        #expect(reason(hello("a", recipe: 0xAB)).hasSuffix("found 00000000000000ab"))
    }

    @Test("a worker that the trainer has never met is asked to say hello")
    func stranger() {
        var dispatcher = dispatcher(graph: identity)
        let heartbeat = ControlMessage.heartbeat(counters: SamplerCounters())
        #expect(dispatcher.take(heartbeat, from: bob, now: 0) == [.init(peer: bob, message: .unknown)])
    }

    @Test("a silent worker's batches go to another, and it is taken back when it speaks")
    func silence() {
        var dispatcher = dispatcher(graph: identity)
        _ = dispatcher.take(hello("alice"), from: alice, now: 0)
        _ = dispatcher.tick(now: 0)
        _ = dispatcher.take(hello("bob"), from: bob, now: 4)
        _ = dispatcher.tick(now: 4)
        // Alice has been silent for more than five seconds: her first batch goes to Bob beyond his credit.
        #expect(dispatcher.tick(now: 5.5) == [.init(peer: bob, message: .ticket(batches: [0]))])
        _ = dispatcher.take(.heartbeat(counters: SamplerCounters()), from: alice, now: 6)
        #expect(dispatcher.tick(now: 6) == [.init(peer: alice, message: .ticket(batches: [1, 4]))])
    }

    @Test("a new process under an old name takes its place at once")
    func restartedWorker() {
        var dispatcher = dispatcher(graph: identity)
        _ = dispatcher.take(hello("alice"), from: alice, now: 0)
        _ = dispatcher.tick(now: 0)
        _ = dispatcher.take(hello("alice"), from: alice, now: 1)
        #expect(dispatcher.tick(now: 1) == [.init(peer: alice, message: .ticket(batches: [0, 1]))])
        #expect(dispatcher.farewell("end") == [.init(peer: alice, message: .stop(reason: "end"))])
    }

    @Test("a sound batch is taken once, a damaged one is leased again at once")
    func batches() throws {
        var dispatcher = dispatcher(graph: identity)
        _ = dispatcher.take(hello("alice"), from: alice, now: 0)
        _ = dispatcher.take(hello("bob"), from: bob, now: 0)
        _ = dispatcher.tick(now: 0)
        #expect(try dispatcher.take(batch(0))?.batchIndex == 0)
        #expect(try dispatcher.take(batch(0)) == nil)
        let damaged = batch(1)
        unsafe damaged[3].bytes[0] ^= 1
        #expect(try dispatcher.take(damaged) == nil)
        // Batch 1 was Bob's: it goes to Alice now, because all others wait for it.
        dispatcher.consume()
        #expect(dispatcher.tick(now: 0).first == .init(peer: alice, message: .ticket(batches: [1])))
        #expect(dispatcher.drainReceived().map(\.count) == [1, 0])
    }

    @Test("too many bad batches end the run with the last one's fault")
    func limit() throws {
        var dispatcher = dispatcher(graph: identity)
        _ = dispatcher.take(hello("alice"), from: alice, now: 0)
        let foreign = batch(3, recipe: 1)
        for _ in 0..<Dispatcher.badBatchesMax { #expect(try dispatcher.take(foreign) == nil) }
        let error = #expect(throws: TrainingError.self) { try dispatcher.take(foreign) }
        #expect(
            error?.description.hasPrefix(
                "batches: damaged: expected at most 100 damaged ones, found 101; the last: from alice") == true
        )
    }
}
