import Basics
import Configuration
import Foundation
import TestSupport
import Testing

@Suite struct PipelineSettingsTests {
    /// Every key with a value that is not its default, and whether it decides what is in a batch.
    static let keys: [(assignment: String, decidesBatches: Bool)] = [
        ("graph=elsewhere/\"graph\" ünd so\t", false), ("run=runs/x: y#z", false),
        ("seed=18446744073709551615", true), ("features.log_degree=0.5", false),
        ("features.learned_width=16", false),
        ("walks.count=7", true), ("walks.steps=9", true), ("walks.top=33", true), ("walks.restart=0.85", true),
        ("walks.pooling=uniform", true),
        ("model.hidden_width=96", false), ("model.output_width=32", false), ("model.head=none", false),
        ("model.output=free", false), ("model.popularity_prior=0.25", false),
        ("model.structure_share=0.5", false),
        ("batch.pairs=64", true), ("batch.shared_negatives=65", true), ("batch.hard_negatives_max=6", true),
        ("batch.refresh_batches=5", true), ("batch.boards=uniform", true), ("batch.exclude_pair_edges=false", true),
        ("batch.supervision=disjoint", true), ("batch.supervision_share=0.25", true),
        ("hard_negatives.source=pagerank", true), ("hard_negatives.ranks=20-500", true),
        ("hard_negatives.curriculum=one", true), ("hard_negatives.exclude_co_saved=false", true),
        ("training.epochs=2", false), ("training.batches_per_epoch=11", false),
        ("training.learning_rate=0.0001", false), ("training.warmup_epochs=0.5", false),
        ("training.final_learning_rate_share=0.25", false), ("training.margin=1.5", false),
        ("training.loss=max_margin", false), ("training.temperature=0.5", false),
        ("training.popularity_correction=0.5", false), ("training.patience=3", false),
        ("validation.share=0.125", true), ("validation.pairs=17", false), ("validation.every_epochs=2", false),
        ("samplers.count=0", false), ("samplers.endpoint=tcp://*:5555", false), ("samplers.credit=9", false),
        ("samplers.cache_mb=7", false), ("samplers.lease_seconds=0.5", false), ("samplers.give_up_seconds=60", false),
        ("trainer.threads=3", false), ("trainer.features=inline", true), ("trainer.wire=float16", true),
        ("trainer.precision=bfloat16", false),
        ("checkpoints.every_batches=17", false), ("checkpoints.keep=1", false),
        ("security.mechanism=curve", false), ("security.keys=my keys", false), ("security.name=east", false),
    ]

    /// What an assignment cannot be without.
    private static let needed = [
        "model.head=none": ["model.output_width=256"], "security.mechanism=curve": ["security.keys=k"],
        "training.patience=3": ["validation.share=0.25"], "trainer.wire=float16": ["trainer.features=inline"],
    ]

    private func load(_ text: String = "seed: 1", _ overrides: [String] = []) throws -> PipelineSettings {
        try PipelineSettings.load(text: text, path: "c.yaml", overrides: overrides, environment: ["DATA": "/d"])
    }

    private func error(_ text: String, _ overrides: [String] = []) -> String {
        do {
            return "no error: \(try load(text, overrides))"
        } catch { return "\(error)" }
    }

    /// `walks.count` and the like, from the resolved text.
    private func keysOf(_ yaml: String) -> [String] {
        var section = ""
        return yaml.split(separator: "\n").compactMap { line in
            let key = line.split(separator: ":")[0]
            if !line.hasPrefix(" ") { section = "" }
            if line.hasSuffix(":") {
                section = key + "."
                return nil
            }
            return section + key.drop(while: { $0 == " " })
        }
    }

    @Test("an all but empty file gives the documented defaults")
    func defaults() throws {
        let settings = try load("walks:\n")
        #expect(settings == PipelineSettings())
        #expect(settings.totalBatches == 240)
    }

    @Test("the resolved text has every setting of every struct, and this test knows each of them")
    func complete() throws {
        let listed = Self.keys.map { String($0.assignment.prefix(while: { $0 != "=" })) }
        #expect(keysOf(PipelineSettings().resolvedYAML(comments: [])) == listed)
        func leaves(_ value: Any) -> Int {
            let mirror = Mirror(reflecting: value)
            return mirror.displayStyle == .struct && !(value is any Numeric) && !(value is String) && !(value is Bool)
                ? mirror.children.map { leaves($0.value) }.reduce(0, +) : 1
        }
        #expect(leaves(PipelineSettings()) == listed.count)
    }

    @Test("every key sets its own setting, and the resolved text reads back to the same settings", arguments: keys)
    func roundTrip(assignment: String, _: Bool) throws {
        let overrides = (Self.needed[assignment] ?? []) + [assignment]
        let settings = try load("seed: 1", overrides)
        let yaml = settings.resolvedYAML(comments: ["one: two", "two\nlines"])
        #expect(yaml.hasPrefix("# one: two\n# two\n# lines\n"))
        #expect(try load(yaml) == settings)
        #expect(settings != PipelineSettings())
        let before = PipelineSettings().resolvedYAML(comments: []).split(separator: "\n")
        let after = settings.resolvedYAML(comments: []).split(separator: "\n")
        #expect(zip(before, after).count(where: { $0 != $1 }) == overrides.count)
    }

    @Test("all settings at once read back, and their JSON has the same values")
    func roundTripOfAll() throws {
        let overrides =
            Self.keys.map(\.assignment).filter { $0 != "model.output_width=32" } + ["model.output_width=96"]
        let settings = try load("seed: 1", overrides)
        #expect(try load(settings.resolvedYAML(comments: [])) == settings)
        let object = try JSONSerialization.jsonObject(with: Data(settings.decisiveJSON.utf8)) as? [String: Any]
        #expect(
            object?.keys.sorted() == [
                "batch", "features", "hard_negatives", "model", "seed", "trainer", "training", "validation", "walks",
            ])
        #expect(object?["seed"] as? UInt64 == .max)
        let walks = object?["walks"] as? [String: Any]
        #expect(walks?["restart"] as? Double == 0.85)
        #expect(walks?["pooling"] as? String == "uniform")
        #expect((object?["batch"] as? [String: Any])?["exclude_pair_edges"] as? Bool == false)
    }

    @Test("the recipe changes with each setting that decides a batch, and with no other", arguments: keys)
    func recipe(assignment: String, decidesBatches: Bool) throws {
        let before = PipelineSettings()
        // Patience cannot be without a share, which decides batches.
        let isPatience = assignment == "training.patience=3"
        var after = try load("seed: 1", isPatience ? [] : Self.needed[assignment] ?? [assignment])
        if isPatience { after.training.patience = 3 }
        if assignment == "model.head=none" { after.model.head = .none }
        #expect((after.recipe(graphFingerprint: 5) != before.recipe(graphFingerprint: 5)) == decidesBatches)
        #expect(before.recipe(graphFingerprint: 5) != before.recipe(graphFingerprint: 6))
    }

    @Test("the recipe of the defaults is the same in every build")
    func recipeIsStable() {
        // Computed by an independent program from the documented text.
        #expect(PipelineSettings().recipe(graphFingerprint: 0x0123_4567_89AB_CDEF) == 10_038_286_364_305_008_158)
    }

    @Test(
        "each limit holds on both sides",
        arguments: [
            ("walks.count", "1", "0"), ("walks.count", "10000", "10001"), ("walks.steps", "1", "0"),
            ("walks.steps", "10000", "10001"), ("walks.top", "0", "-1"), ("walks.top", "1000", "1001"),
            ("walks.restart", "0", "-0.1"), ("walks.restart", "0.99", "1"), ("walks.pooling", "importance", "mean"),
            ("model.hidden_width", "1", "0"), ("model.hidden_width", "8192", "8193"), ("model.output_width", "1", "0"),
            ("model.output_width", "8192", "8193"), ("model.head", "paper", "papers"),
            ("features.log_degree", "0", "-1"), ("features.log_degree", "100", "101"),
            ("features.learned_width", "0", "-1"), ("features.learned_width", "8192", "8193"),
            ("model.popularity_prior", "0", "-0.1"), ("model.popularity_prior", "100", "101"),
            ("model.structure_share", "0", "-0.1"), ("model.structure_share", "1", "1.1"),
            ("model.output", "free", "any"),
            ("batch.pairs", "1", "0"), ("batch.pairs", "1000000", "1000001"), ("batch.shared_negatives", "1", "0"),
            ("batch.shared_negatives", "1000000", "1000001"), ("batch.hard_negatives_max", "0", "-1"),
            ("batch.hard_negatives_max", "64", "65"),
            ("batch.refresh_batches", "1", "0"), ("batch.refresh_batches", "1000000000", "1000000001"),
            ("hard_negatives.source", "pagerank", "knn"), ("hard_negatives.ranks", "1-1", "0-1"),
            ("hard_negatives.ranks", "7-1000000000", "7-1000000001"), ("hard_negatives.ranks", "auto", "9-8"),
            ("hard_negatives.curriculum", "off", "two"), ("hard_negatives.exclude_co_saved", "false", "0"),
            ("batch.boards", "uniform", "pins"), ("batch.exclude_pair_edges", "true", "1"),
            ("batch.supervision", "shared", "both"), ("batch.supervision_share", "0.001", "0.0009"),
            ("batch.supervision_share", "0.5", "0.51"), ("training.patience", "0", "-1"),
            ("training.patience", "0", "1000001"), ("validation.share", "0", "-0.1"),
            ("validation.share", "0.5", "0.51"),
            ("validation.pairs", "1", "0"), ("validation.pairs", "1000000", "1000001"),
            ("validation.every_epochs", "1", "0"), ("validation.every_epochs", "1000000", "1000001"),
            ("training.epochs", "1", "0"), ("training.epochs", "1000000", "1000001"),
            ("training.batches_per_epoch", "1", "0"), ("training.batches_per_epoch", "1000000000", "1000000001"),
            ("training.learning_rate", "1e-9", "0"), ("training.learning_rate", "1", "1.1"),
            ("training.warmup_epochs", "0", "-1"), ("training.warmup_epochs", "1000000", "1000001"),
            ("training.final_learning_rate_share", "0.01", "0"), ("training.final_learning_rate_share", "1", "1.01"),
            ("training.margin", "0.01", "0"), ("training.margin", "10", "inf"),
            ("training.loss", "softmax", "hinge"), ("training.temperature", "0.01", "0"),
            ("training.popularity_correction", "0", "-1"), ("training.popularity_correction", "100", "101"),
            ("samplers.count", "0", "-1"), ("samplers.count", "1024", "1025"), ("samplers.credit", "1", "0"),
            ("samplers.credit", "1024", "1025"), ("samplers.cache_mb", "0", "-1"),
            ("samplers.cache_mb", "1048576", "1048577"), ("samplers.lease_seconds", "0.1", "0.09"),
            ("samplers.lease_seconds", "86400", "86401"),
            ("samplers.give_up_seconds", "1", "0.9"), ("samplers.give_up_seconds", "2592000", "2592001"),
            ("trainer.threads", "1", "0"),
            ("trainer.threads", "1024", "1025"), ("trainer.features", "inline", "copied"),
            ("trainer.wire", "float32", "bfloat16"),
            ("trainer.precision", "bfloat16", "float16"), ("checkpoints.every_batches", "1", "0"),
            ("checkpoints.every_batches", "1000000000", "1000000001"), ("checkpoints.keep", "1", "0"),
            ("checkpoints.keep", "1000000", "1000001"), ("security.mechanism", "none", "tls"), ("seed", "0", "-1"),
            ("graph", "g", ""), ("run", "r", ""),
        ])
    func limits(key: String, inside: String, outside: String) throws {
        _ = try load("seed: 1", ["\(key)=\(inside)"])
        let line = error("seed: 1", ["\(key)=\(outside)"])
        #expect(line.hasPrefix("config: --set \(key)=\(outside): \(key): expected "), "\(line)")
        #expect(line.contains(", found \(outside.isEmpty ? "nothing" : outside)"), "\(line)")
    }

    @Test("features are rounded on their way only where they travel, and then the batch is another")
    func wire() throws {
        #expect(
            error("trainer: { wire: float16 }").hasSuffix(
                "trainer.features: expected inline, because trainer.wire is float16, found mapped. Correct it."))
        let whole = try load("trainer: { features: inline }")
        let rounded = try load("trainer: { features: inline, wire: float16 }")
        #expect(whole.recipe(graphFingerprint: 5) != rounded.recipe(graphFingerprint: 5))
        #expect(rounded.forbiddenChanges(since: whole).map(\.key) == ["trainer.wire"])
        #expect(rounded.decisiveJSON != whole.decisiveJSON)
    }

    @Test("patience needs boards that are held out")
    func patience() {
        #expect(
            error("training: { patience: 2 }").hasSuffix(
                "validation.share: expected a share above 0, because training.patience is 2, found 0.0. Correct it."))
    }

    @Test("the end of every n-th epoch is validated, and the end of the run")
    func validatedSteps() throws {
        let text = "training: { epochs: 5, batches_per_epoch: 10 }"
        let some = try load(text, ["validation.share=0.1", "validation.every_epochs=2"])
        #expect((UInt64(0)...60).filter { some.isValidated(step: $0) } == [20, 40, 50, 60])
        let none = try load(text)
        #expect((UInt64(0)...60).allSatisfy { !none.isValidated(step: $0) })
    }

    @Test("curve needs keys, and an address that others can reach needs curve")
    func security() throws {
        #expect(
            error("security: { mechanism: curve }").hasSuffix(
                "security.keys: expected a folder of keys, because security.mechanism is curve, found nothing. "
                    + "Make one with `pinsage keys --out FOLDER`."))
        for endpoint in ["", "ipc://a", "tcp://127.0.0.1:5555", "tcp://localhost:5555", "tcp://[::1]:5555"] {
            #expect(try load("seed: 1", ["samplers.endpoint=\(endpoint)"]).openNetworkWarning == nil, "\(endpoint)")
        }
        for endpoint in ["tcp://*:5555", "tcp://0.0.0.0:5555", "tcp://10.0.0.7:5555"] {
            let open = try load("seed: 1", ["samplers.endpoint=\(endpoint)"])
            #expect(open.openNetworkWarning?.hasPrefix("security: \(endpoint): NOT PROTECTED: ") == true)
            let closed = try load(
                "seed: 1", ["samplers.endpoint=\(endpoint)", "security.mechanism=curve", "security.keys=k"])
            #expect(closed.openNetworkWarning == nil)
        }
    }

    @Test("without a head both widths must agree, and the line has both")
    func headNone() throws {
        let line =
            "model.output_width: expected 256, as model.hidden_width, because model.head is none, found 128. Correct it."
        #expect(error("model:\n  head: none") == "config: c.yaml:2:9: " + line)
        #expect(error("model:\n  head: none\n  output_width: 128") == "config: c.yaml:3:17: " + line)
        #expect(try load("model: {head: none, output_width: 256}").model.head == .none)
    }

    @Test("the curriculum says how many hard negatives each epoch has, and whether it needs a table")
    func curriculum() throws {
        let plans: [(String, Int, [Int])] = [
            ("off", 6, [0, 0, 0, 0, 0]), ("one", 6, [0, 1, 1, 1, 1]), ("linear", 2, [0, 1, 2, 2, 2]),
            ("linear", 6, [0, 1, 2, 3, 4]), ("one", 0, [0, 0, 0, 0, 0]), ("linear", 0, [0, 0, 0, 0, 0]),
        ]
        for (curriculum, most, expected) in plans {
            let overrides = ["hard_negatives.curriculum=\(curriculum)", "batch.hard_negatives_max=\(most)"]
            let settings = try load("seed: 1", overrides)
            #expect((0..<5).map { settings.hardNegatives(inEpoch: $0) } == expected)
            #expect((0..<5).map { settings.needsHardNegativeTable(inEpoch: $0) } == expected.map { $0 > 0 })
            #expect(settings.usesHardNegatives == (expected[4] > 0))
            let walked = try load("seed: 1", overrides + ["hard_negatives.source=pagerank"])
            #expect((0..<5).allSatisfy { !walked.needsHardNegativeTable(inEpoch: $0) })
        }
    }

    @Test("a window of ranks that the pins are too few for names the largest that fits; auto always fits")
    func windows() throws {
        func line(_ ranks: String, pins: Int) throws -> String {
            let settings = try load("seed: 1", ["hard_negatives.ranks=\(ranks)", "batch.hard_negatives_max=1"])
            do {
                return try settings.hardNegativePlan(pinCount: pins) ?? "none"
            } catch { return "\(error)" }
        }
        let head = "config: hard_negatives.ranks: window of ranks: expected "
        let tail = ". Set it so, or to auto."
        #expect(
            try line("2000-5000", pins: 3000) == head + "2000-2999, the largest that fits 3000 pins, found 2000-5000"
                + tail)
        #expect(
            try line("2000-5000", pins: 150) == head + "1-149, the largest that fits 150 pins, found 2000-5000" + tail)
        #expect(try line("auto", pins: 1) == head + "a graph of 2 pins or more, found 1 pins" + tail)
        #expect(
            try line("2000-5000", pins: 5001)
                == "ann, ranks 2000-5000 of 5000, linear to 1, none that share a board")
        for pins in [2, 3, 9, 10, 99, 2000, 26_000, 1_000_000, 2_000_000_000] {
            let ranks = try RankWindow.auto.ranks(pinCount: pins)
            #expect(1 <= ranks.lowerBound && ranks.upperBound < pins && ranks.upperBound <= 5000, "\(pins)")
        }
        #expect(try RankWindow.auto.ranks(pinCount: 12_000) == 1000...2400)
        #expect(try RankWindow.auto.ranks(pinCount: 1_000_000) == 2000...5000)
    }

    @Test("with hard negatives the length of an epoch is part of the recipe, and fixed for the run")
    func epochLength() throws {
        let hard = "batch.hard_negatives_max=1"
        let (before, after) = (
            try load("seed: 1", [hard]), try load("seed: 1", [hard, "training.batches_per_epoch=7"])
        )
        #expect(before.recipe(graphFingerprint: 1) != after.recipe(graphFingerprint: 1))
        #expect(after.forbiddenChanges(since: before).map(\.key) == ["training.batches_per_epoch"])
        let off = try load("seed: 1", ["training.batches_per_epoch=7"])
        #expect(off.forbiddenChanges(since: PipelineSettings()).isEmpty)
        #expect(
            after.forbiddenChanges(since: PipelineSettings()).map(\.key)
                == ["batch.hard_negatives_max", "training.batches_per_epoch"])
    }

    @Test("an unknown key in a file is named with its place and the nearest one")
    func unknownKey() {
        #expect(
            error("checkpoints:\n  every: 3")
                == "config: c.yaml:2:3: checkpoints.every: expected one of every_batches, keep, "
                + "found unknown key every. Remove it.")
        #expect(error("trainers:\n  threads: 3").hasSuffix("found unknown key trainers. Did you mean trainer?"))
    }

    @Test("paths may speak of the environment")
    func environment() throws {
        let settings = try load(
            "graph: ${DATA}/g\nrun: ${DATA}/r\nsamplers: {endpoint: \"ipc://${DATA}/s\"}")
        #expect(settings.graph == "/d/g")
        #expect(settings.run == "/d/r")
        #expect(settings.endpoints.batches == "ipc:///d/s")
        #expect(
            error("seed: 1\ngraph: ${PINSAGE_DATA}/g")
                == "config: c.yaml:2:8: graph: expected the environment variable "
                + "PINSAGE_DATA, found no such variable. Set it, or write the path out.")
    }

    @Test("a config file on disk is read")
    func file() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("samplers:\n  count: 4\n", to: "c.yaml")
        #expect(try PipelineSettings.load(path: path, overrides: ["seed=3"]).samplers.count == 4)
        #expect(try PipelineSettings.load(path: path, overrides: ["seed=3"]).seed == 3)
    }
}
