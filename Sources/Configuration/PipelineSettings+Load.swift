import Basics
import Foundation

extension PipelineSettings {
    /// Reads a config file and the `--set` overrides.
    ///
    /// - Parameters:
    ///   - path: YAML file; keys it leaves out have their defaults.
    ///   - overrides: `section.key=value`, later ones win.
    /// - Throws: `ConfigError`, one line with the place of the first thing that cannot be used.
    public static func load(path: String, overrides: [String] = []) throws -> PipelineSettings {
        try load(ConfigFile(path: path), overrides: overrides)
    }

    /// Reads settings from `text`; errors speak of `path`.
    public static func load(
        text: String, path: String, overrides: [String] = [],
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> PipelineSettings {
        try load(ConfigFile(text: text, path: path, environment: environment), overrides: overrides)
    }

    private static func load(_ file: ConfigFile, overrides: [String]) throws -> PipelineSettings {
        for override in overrides { try file.override(override) }
        var settings = PipelineSettings()
        settings.graph = try file.top.path("graph", default: settings.graph)
        settings.run = try file.top.path("run", default: settings.run)
        settings.seed = try file.top.int("seed", default: settings.seed, in: 0...UInt64.max)
        try settings.features.read(file.section("features"))
        try settings.walks.read(file.section("walks"))
        try settings.model.read(file.section("model"))
        try settings.batch.read(file.section("batch"))
        try settings.hardNegatives.read(file.section("hard_negatives"))
        try settings.training.read(file.section("training"))
        try settings.validation.read(file.section("validation"))
        try settings.samplers.read(file.section("samplers"))
        try settings.trainer.read(file.section("trainer"))
        try settings.checkpoints.read(file.section("checkpoints"))
        try settings.security.read(file.section("security"))
        try file.finish()
        try settings.checkTogether(file)
        return settings
    }

    /// What one key alone cannot tell.
    private func checkTogether(_ file: ConfigFile) throws {
        if model.head == .none && model.outputWidth != model.hiddenWidth {
            throw ConfigError(
                place: file.place(of: "model.output_width", "model.head"), subject: "model.output_width",
                expected: "\(model.hiddenWidth), as model.hidden_width, because model.head is none",
                found: "\(model.outputWidth)")
        }
        if trainer.wire == .float16 && trainer.features != .inline {
            throw ConfigError(
                place: file.place(of: "trainer.wire", "trainer.features"), subject: "trainer.features",
                expected: "inline, because trainer.wire is float16", found: trainer.features.rawValue)
        }
        if training.patience > 0 && !validates {
            throw ConfigError(
                place: file.place(of: "training.patience", "validation.share"), subject: "validation.share",
                expected: "a share above 0, because training.patience is \(training.patience)",
                found: "\(validation.share)")
        }
    }
}

private let widths = 1...8_192
private let aMillion = 1...1_000_000
private let aBillion = 1...1_000_000_000

extension FeatureSettings {
    fileprivate mutating func read(_ section: ConfigSection) throws {
        logDegree = try section.double("log_degree", default: logDegree, in: .from(0, to: 100))
        learnedWidth = try section.int("learned_width", default: learnedWidth, in: 0...widths.upperBound)
    }
}

extension WalkSettings {
    fileprivate mutating func read(_ section: ConfigSection) throws {
        count = try section.int("count", default: count, in: Self.counts)
        steps = try section.int("steps", default: steps, in: Self.stepCounts)
        top = try section.int("top", default: top, in: Self.topCounts)
        restart = try section.double("restart", default: restart, in: .from(0, below: 1))
        pooling = try section.choice("pooling", default: pooling)
    }
}

extension ModelSettings {
    fileprivate mutating func read(_ section: ConfigSection) throws {
        hiddenWidth = try section.int("hidden_width", default: hiddenWidth, in: widths)
        outputWidth = try section.int("output_width", default: outputWidth, in: widths)
        head = try section.choice("head", default: head)
        output = try section.choice("output", default: output)
        popularityPrior = try section.double("popularity_prior", default: popularityPrior, in: .from(0, to: 100))
        structureShare = try section.double("structure_share", default: structureShare, in: .from(0, to: 1))
    }
}

extension BatchSettings {
    fileprivate mutating func read(_ section: ConfigSection) throws {
        pairs = try section.int("pairs", default: pairs, in: aMillion)
        sharedNegatives = try section.int("shared_negatives", default: sharedNegatives, in: aMillion)
        hardNegativesMax = try section.int("hard_negatives_max", default: hardNegativesMax, in: 0...64)
        refreshBatches = try section.int("refresh_batches", default: refreshBatches, in: aBillion)
        boards = try section.choice("boards", default: boards)
        excludePairEdges = try section.bool("exclude_pair_edges", default: excludePairEdges)
        supervision = try section.choice("supervision", default: supervision)
        supervisionShare = try section.double(
            "supervision_share", default: supervisionShare, in: .from(0.001, to: 0.5))
    }
}

extension HardNegativeSettings {
    fileprivate mutating func read(_ section: ConfigSection) throws {
        source = try section.choice("source", default: source)
        let text = try section.string("ranks", default: ranks.text)
        guard let window = RankWindow(text) else {
            throw section.error(
                "ranks", expected: "auto or LOW-HIGH", found: text.isEmpty ? "nothing" : text)
        }
        ranks = window
        curriculum = try section.choice("curriculum", default: curriculum)
        excludeCoSaved = try section.bool("exclude_co_saved", default: excludeCoSaved)
    }
}

extension TrainingSettings {
    fileprivate mutating func read(_ section: ConfigSection) throws {
        epochs = try section.int("epochs", default: epochs, in: aMillion)
        batchesPerEpoch = try section.int("batches_per_epoch", default: batchesPerEpoch, in: aBillion)
        learningRate = try section.double("learning_rate", default: learningRate, in: .above(0, to: 1))
        warmupEpochs = try section.double("warmup_epochs", default: warmupEpochs, in: .from(0, to: 1_000_000))
        finalLearningRateShare = try section.double(
            "final_learning_rate_share", default: finalLearningRateShare, in: .above(0, to: 1))
        margin = try section.double("margin", default: margin, in: .above(0))
        loss = try section.choice("loss", default: loss)
        temperature = try section.double("temperature", default: temperature, in: .above(0))
        popularityCorrection = try section.double(
            "popularity_correction", default: popularityCorrection, in: .from(0, to: 100))
        patience = try section.int("patience", default: patience, in: 0...1_000_000)
    }
}

extension ValidationSettings {
    fileprivate mutating func read(_ section: ConfigSection) throws {
        share = try section.double("share", default: share, in: .from(0, to: 0.5))
        pairs = try section.int("pairs", default: pairs, in: aMillion)
        everyEpochs = try section.int("every_epochs", default: everyEpochs, in: aMillion)
    }
}

extension SamplerSettings {
    fileprivate mutating func read(_ section: ConfigSection) throws {
        count = try section.int("count", default: count, in: 0...1_024)
        endpoint = try section.path("endpoint", default: endpoint, emptyAllowed: true)
        if let fault = Endpoints.fault(in: endpoint) {
            throw section.error("endpoint", expected: fault, found: endpoint)
        }
        credit = try section.int("credit", default: credit, in: 1...1_024)
        cacheMB = try section.int("cache_mb", default: cacheMB, in: 0...1_048_576)
        leaseSeconds = try section.double("lease_seconds", default: leaseSeconds, in: .from(0.1, to: 86_400))
        giveUpSeconds = try section.double("give_up_seconds", default: giveUpSeconds, in: .from(1, to: 2_592_000))
    }
}

extension TrainerSettings {
    fileprivate mutating func read(_ section: ConfigSection) throws {
        threads = try section.int("threads", default: threads, in: 1...1_024)
        features = try section.choice("features", default: features)
        wire = try section.choice("wire", default: wire)
        precision = try section.choice("precision", default: precision)
    }
}

extension CheckpointSettings {
    fileprivate mutating func read(_ section: ConfigSection) throws {
        everyBatches = try section.int("every_batches", default: everyBatches, in: aBillion)
        keep = try section.int("keep", default: keep, in: aMillion)
    }
}

extension SecuritySettings {
    fileprivate mutating func read(_ section: ConfigSection) throws {
        mechanism = try section.choice("mechanism", default: mechanism)
        keys = try section.path("keys", default: keys, emptyAllowed: true)
        name = try section.string("name", default: name)
        if mechanism == .curve && keys.isEmpty {
            throw section.error(
                "keys", expected: "a folder of keys, because security.mechanism is curve", found: "nothing",
                action: "Make one with `pinsage keys --out FOLDER`")
        }
    }
}
