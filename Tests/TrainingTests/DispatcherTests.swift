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
        _ name: String, fingerprint: UInt64 = ScriptedWorker.fingerprint, recipe: UInt64? = nil,
        version: Int = ControlMessage.protocolVersion
    ) -> ControlMessage {
        .hello(
            worker: WorkerDescription(
                graphFingerprint: fingerprint, recipe: recipe ?? settings.recipe(graphFingerprint: fingerprint),
                name: name, pid: 1, host: "h", pinCount: 40, featureWidth: 6, protocolVersion: version))
    }

    private func batch(_ index: UInt64, recipe: UInt64? = nil, from sampler: String = "alice") -> [Frame] {
        let right = settings.recipe(graphFingerprint: ScriptedWorker.fingerprint)
        return MinibatchCodec.encode(
            ScriptedWorker.minibatch(index, recipe: recipe ?? right), sampler: sampler)
    }

    private func damaged(_ index: UInt64, from sampler: String = "alice") -> [Frame] {
        let frames = batch(index, from: sampler)
        unsafe frames[3].bytes[0] ^= 1
        return frames
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

    @Test("a worker may bring as many batches of an earlier trainer as its credit, further ones count against it")
    func earlierBatches() {
        var dispatcher = dispatcher(graph: identity)
        _ = dispatcher.take(hello("alice"), from: alice, now: 0)
        for index in [UInt64(7), 8] { #expect(dispatcher.take(batch(index)) == nil) }
        #expect(dispatcher.counts.bad == 0 && dispatcher.counts.duplicates == 2)
        #expect(dispatcher.take(batch(9)) == nil)
        #expect(dispatcher.counts.bad == 1 && dispatcher.counts.duplicates == 2)
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
        #expect(reason(hello("a", version: 9)) == "protocol version: expected 2 as the trainer has, found 9")
        #expect(
            reason(hello("a", recipe: 0xAB)).hasPrefix(
                "recipe of the batches (seed, walks, batch, trainer.features and trainer.wire): expected "))
        #expect(reason(hello("a", recipe: 0xAB)).hasSuffix("found 00000000000000ab"))
    }

    @Test("a worker with another setting is told which one, with both values")
    func namedDifference() {
        var other = settings
        other.batch.pairs = 77
        let theirs = Dictionary(uniqueKeysWithValues: other.recipeSettings.map { ($0.key, $0.value) })
        var dispatcher = dispatcher(graph: identity)
        let hello = ControlMessage.hello(
            worker: WorkerDescription(
                graphFingerprint: ScriptedWorker.fingerprint,
                recipe: other.recipe(graphFingerprint: ScriptedWorker.fingerprint), name: "a", pid: 1, host: "h",
                pinCount: 40, featureWidth: 6, settings: theirs))
        let reason = "batch.pairs: expected \(settings.batch.pairs) as the trainer has, found 77"
        #expect(dispatcher.take(hello, from: alice, now: 0) == [.init(peer: alice, message: .refused(reason: reason))])
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
        #expect(dispatcher.tick(now: 6) == [.init(peer: alice, message: .ticket(batches: [1]))])
    }

    @Test("a heartbeat is answered, so that a worker without work knows that the trainer lives")
    func heartbeatAnswer() {
        var dispatcher = dispatcher(graph: identity)
        _ = dispatcher.take(hello("alice"), from: alice, now: 0)
        #expect(
            dispatcher.take(.heartbeat(counters: SamplerCounters()), from: alice, now: 1)
                == [.init(peer: alice, message: .ticket(batches: []))])
    }

    @Test("the end is told to all that were ever welcomed, once: those that fell silent too, not those cut off")
    func farewell() {
        let (carol, dave): (Dispatcher.Peer, Dispatcher.Peer) = ([3], [4])
        var dispatcher = dispatcher(graph: identity)
        for (name, peer) in [("alice", alice), ("bob", bob), ("carol", carol), ("bob", bob)] {
            _ = dispatcher.take(hello(name), from: peer, now: 0)
        }
        _ = dispatcher.take(hello("dave", recipe: 0xAB), from: dave, now: 0)
        _ = dispatcher.tick(now: 0)
        for _ in 0...Dispatcher.badMessagesMax { _ = dispatcher.take(damaged(0, from: "carol")) }
        _ = dispatcher.take(.heartbeat(counters: SamplerCounters()), from: bob, now: 5.5)
        _ = dispatcher.tick(now: 5.5)
        #expect(dispatcher.leases.capacity == 2, "only Bob is there")
        #expect(
            dispatcher.farewell("end")
                == [alice, bob].map { .init(peer: $0, message: .stop(reason: "end")) })
    }

    @Test("a worker without features is refused, whichever graph the trainer has heard of")
    func noFeatures() {
        var dispatcher = dispatcher(graph: nil)
        let recipe = settings.recipe(graphFingerprint: ScriptedWorker.fingerprint)
        let bare = ControlMessage.hello(
            worker: WorkerDescription(
                graphFingerprint: ScriptedWorker.fingerprint, recipe: recipe, name: "a", pid: 1, host: "h",
                pinCount: 40, featureWidth: 0))
        let reason = "graph: expected features, found none"
        #expect(dispatcher.take(bare, from: alice, now: 0) == [.init(peer: alice, message: .refused(reason: reason))])
        #expect(dispatcher.graph == nil)
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
    func batches() {
        var dispatcher = dispatcher(graph: identity)
        _ = dispatcher.take(hello("alice"), from: alice, now: 0)
        _ = dispatcher.take(hello("bob"), from: bob, now: 0)
        _ = dispatcher.tick(now: 0)
        #expect(dispatcher.take(batch(0))?.batchIndex == 0)
        #expect(dispatcher.take(batch(0)) == nil)
        #expect(dispatcher.take(damaged(1, from: "bob")) == nil)
        // Batch 1 was Bob's: it goes to Alice now, because all others wait for it.
        dispatcher.consume()
        #expect(dispatcher.tick(now: 0).first == .init(peer: alice, message: .ticket(batches: [1])))
        #expect(dispatcher.drainReceived().map(\.count) == [1, 0])
        #expect(dispatcher.counts.received == 1)
        #expect(dispatcher.counts.duplicates == 1)
        #expect(dispatcher.counts.bad == 1)
    }

    @Test("a worker that sends too much that is bad is cut off, told so, and not heard again; the others go on")
    func cutOff() {
        var dispatcher = dispatcher(graph: identity)
        _ = dispatcher.take(hello("alice"), from: alice, now: 0)
        _ = dispatcher.take(hello("bob"), from: bob, now: 0)
        _ = dispatcher.tick(now: 0)
        for _ in 0..<Dispatcher.badMessagesMax { #expect(dispatcher.take(damaged(0)) == nil) }
        #expect(dispatcher.tick(now: 0).allSatisfy { if case .refused = $0.message { false } else { true } })
        #expect(dispatcher.take(damaged(0)) == nil)
        let answers = dispatcher.tick(now: 0)
        let reason =
            "more than 20 of its messages were damaged or unasked for; the last is in the trainer's log"
        #expect(answers.contains(.init(peer: alice, message: .refused(reason: reason))))
        #expect(dispatcher.leases.capacity == 2)
        // Neither a sound batch, a heartbeat nor a new start brings it back.
        #expect(dispatcher.take(batch(0)) == nil)
        #expect(dispatcher.take(.heartbeat(counters: SamplerCounters()), from: alice, now: 1).isEmpty)
        #expect(
            dispatcher.take(hello("alice"), from: alice, now: 1)
                == [.init(peer: alice, message: .refused(reason: reason))])
        for index in [0, 1, 2] as [UInt64] {
            #expect(dispatcher.take(batch(index, from: "bob"))?.batchIndex == index)
            dispatcher.consume()
            _ = dispatcher.tick(now: 1)
        }
    }

    @Test("nobody can make another worker's batch be leased again by sending rubbish in its place")
    func impostor() {
        var dispatcher = dispatcher(graph: identity)
        _ = dispatcher.take(hello("alice"), from: alice, now: 0)
        _ = dispatcher.take(hello("bob"), from: bob, now: 0)
        _ = dispatcher.tick(now: 0)
        #expect(dispatcher.take(damaged(0, from: "bob")) == nil)
        #expect(dispatcher.leases.takenBackCount == 0)
    }

    @Test("garbage of unknown origin is counted and stops nobody")
    func garbage() {
        var dispatcher = dispatcher(graph: identity)
        _ = dispatcher.take(hello("alice"), from: alice, now: 0)
        _ = dispatcher.tick(now: 0)
        for size in 0..<200 { #expect(dispatcher.take([Frame(copying: [UInt8](repeating: 7, count: size))]) == nil) }
        #expect(dispatcher.counts.bad == 200)
        #expect(dispatcher.take(batch(0))?.batchIndex == 0)
    }

    @Test("a batch that its worker no longer holds and that never came is leased again before its deadline")
    func lostOnTheWay() {
        var dispatcher = dispatcher(graph: identity)
        _ = dispatcher.take(hello("alice"), from: alice, now: 0)
        _ = dispatcher.tick(now: 0)
        func report(_ held: [UInt64], now: Double) {
            _ = dispatcher.take(.heartbeat(counters: SamplerCounters(held: held)), from: alice, now: now)
        }
        report([0, 1], now: 1)
        report([1], now: 2)
        report([1], now: 11.9)
        #expect(dispatcher.tick(now: 11.9).isEmpty)
        report([1], now: 12)
        #expect(dispatcher.tick(now: 12) == [.init(peer: alice, message: .ticket(batches: [0]))])
    }

    @Test("a worker that a ticket cannot reach loses its leases at once and is taken back when it speaks")
    func unreachable() {
        var dispatcher = dispatcher(graph: identity)
        _ = dispatcher.take(hello("alice"), from: alice, now: 0)
        for answer in dispatcher.tick(now: 0) { dispatcher.couldNotSend(answer) }
        #expect(dispatcher.tick(now: 0).isEmpty)
        _ = dispatcher.take(.heartbeat(counters: SamplerCounters()), from: alice, now: 1)
        #expect(dispatcher.tick(now: 1) == [.init(peer: alice, message: .ticket(batches: [0, 1]))])
    }
}
