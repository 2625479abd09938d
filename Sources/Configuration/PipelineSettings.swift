/// Everything one run depends on: the whole config file, one struct per room.
///
/// Each room takes its own struct, never the whole. Samplers and trainer read the same file.
public struct PipelineSettings: Equatable, Sendable {
    /// Graph directory. `${NAME}` stands for an environment variable, here and in `run` and `samplers.endpoint`.
    public var graph: String = "data/graph"
    /// Run directory: checkpoints, logs, metrics.
    public var run: String = "runs/default"
    /// Key of every random number. Any 64-bit value.
    public var seed: UInt64 = 1

    public var features = FeatureSettings()
    public var walks = WalkSettings()
    public var model = ModelSettings()
    public var batch = BatchSettings()
    public var hardNegatives = HardNegativeSettings()
    public var training = TrainingSettings()
    public var validation = ValidationSettings()
    public var samplers = SamplerSettings()
    public var trainer = TrainerSettings()
    public var checkpoints = CheckpointSettings()
    public var security = SecuritySettings()

    public init() {}

    /// Batches of the whole training.
    public var totalBatches: Int { training.epochs * training.batchesPerEpoch }
}

/// What a pin's row holds beside its content (`features.*`).
public struct FeatureSettings: Equatable, Sendable {
    /// Factor of log(1 + boards of the pin), one more column of the network's input; 0: no such column. 0 … 100.
    ///
    /// The paper lists the log-degree among a pin's features; the default suits content rows of about length 1.
    public var logDegree = 0.3
    /// Columns of a vector of its own that each pin has, learned with the network; 0: none. 0 … 8,192.
    ///
    /// A pin that was not in training has the zero vector.
    public var learnedWidth = 0

    public init() {}
}

/// Random walks and the neighbourhoods made from them (`walks.*`).
public struct WalkSettings: Equatable, Sendable {
    /// Walks from each pin. 1 … 10,000.
    public var count = 10
    public static let counts = 1...10_000
    /// Steps of each walk; one step is pin → board → pin. 1 … 10,000.
    public var steps = 50
    public static let stepCounts = 1...10_000
    /// Neighbours kept: the most visited pins. 0 (none: the network sees a pin's own row alone) … 1,000.
    public var top = 25
    public static let topCounts = 0...1_000
    /// Probability that a walk returns to its pin after a step. 0 ..< 1.
    public var restart = 0.5
    /// How neighbours are weighted when they are pooled.
    public var pooling = Pooling.importance

    public enum Pooling: String, CaseIterable, Sendable {
        /// By their share of the visits.
        case importance
        /// All alike.
        case uniform
        /// Not weighted: the largest of each element over the neighbours.
        case max
    }

    public init() {}
}

/// The network (`model.*`).
public struct ModelSettings: Equatable, Sendable {
    /// Width of messages and of both layers' outputs. 1 … 8,192.
    public var hiddenWidth = 256
    /// Width of the embeddings. 1 … 8,192.
    public var outputWidth = 128
    public var head = Head.paper
    public var output = Output.unit
    /// λ: a candidate's score is z_q · z_p + λ · log(1 + boards of p). 0 (the paper) … 100.
    ///
    /// On the unit sphere a vector has no room to say how often its pin is saved, and people save popular pins more.
    /// Training knows nothing of it: it is added when pins are ranked.
    public var popularityPrior = 0.05
    /// w: share of a pin's structure in its embedding, [√(1 − w) z ‖ √w s], where the graph has one and `output` is
    /// `unit`; so a score is (1 − w) z_q · z_p + w s_q · s_p. 0 (the paper) … 1.
    ///
    /// Training knows nothing of it: a pair's own board is in its pins' structure.
    public var structureShare = 0.25

    public enum Head: String, CaseIterable, Codable, Sendable {
        /// z = G2 · ReLU(G1 · h + g).
        case paper
        /// z = h: the second layer's output. `output_width` must equal `hidden_width`.
        case none
    }

    public enum Output: String, CaseIterable, Codable, Sendable {
        /// Rows of length 1, compared by cosine.
        case unit
        /// Rows of any length, compared by dot product.
        case free
    }

    public init() {}
}

/// What a minibatch holds (`batch.*`).
public struct BatchSettings: Equatable, Sendable {
    /// Positive pairs in a batch. 1 … 1,000,000.
    public var pairs = 2048
    /// Negatives shared by all pairs of a batch. 1 … 1,000,000.
    public var sharedNegatives = 1000
    /// Most hard negatives a query gets; 0: none. 0 … 64. From where and when: `HardNegativeSettings`.
    public var hardNegativesMax = 0
    /// Batches over which a pin's neighbourhood stays the same. 1 … 1,000,000,000.
    public var refreshBatches = 1
    /// How the board of a positive pair is drawn.
    public var boards = BoardChoice.edges
    /// Whether a pair's pins are dropped from each other's neighbourhood in the top layer.
    public var excludePairEdges = true
    /// Whether walks see the boards that the positive pairs come from.
    public var supervision = Supervision.shared
    /// Share of the boards that a window's pairs come from where they are `disjoint`. 0.001 … 0.5.
    public var supervisionShare = 0.1

    public enum Supervision: String, CaseIterable, Sendable {
        /// They do: every board gives pairs and is walked over.
        case shared
        /// They do not: in each window a keyed share of the boards gives the pairs and is hidden from its walks.
        case disjoint
    }

    public enum BoardChoice: String, CaseIterable, Sendable {
        /// Every board with two or more pins alike.
        case uniform
        /// In proportion to the board's pins.
        case edges
    }

    public init() {}
}

/// Length and pace of training (`training.*`).
public struct TrainingSettings: Equatable, Sendable {
    /// 1 … 1,000,000.
    public var epochs = 4
    /// 1 … 1,000,000,000.
    public var batchesPerEpoch = 60
    /// Adam's step size at its peak. Above 0, at most 1.
    public var learningRate = 0.002
    /// Epochs of linear warm-up from 0 to the peak. 0 … 1,000,000.
    public var warmupEpochs = 1.0
    /// Share of the peak that is left after the last batch; the decay between is exponential. Above 0, at most 1.
    public var finalLearningRateShare = 0.1
    /// Margin of the hinge. Above 0.
    public var margin = 0.1
    public var loss = Loss.softmax
    /// τ of the softmax: a candidate's logit is z_q · z_c / τ. Above 0.
    public var temperature = 0.07
    /// γ of the softmax: γ · log(1 + boards of c) is added to candidate c's logit, so that the vectors learn what
    /// popularity does not say. 0 … 100.
    public var popularityCorrection = 0.0
    /// Epochs without a better validation after which training ends. 0: it runs to its end. 0 … 1,000,000.
    public var patience = 0

    public enum Loss: String, CaseIterable, Sendable {
        /// The hinge of each (pair, negative).
        case maxMargin = "max_margin"
        /// Cross entropy of the positive among its pair's candidates: itself and the negatives.
        case softmax
    }

    public init() {}
}

/// The sampler workers and the way to the trainer (`samplers.*`).
public struct SamplerSettings: Equatable, Sendable {
    /// Worker processes that `pinsage train` starts. 0 … 1,024; with 0, workers are started by hand.
    public var count = 1
    /// `ipc://PATH` or `tcp://HOST:PORT` of the trainer's minibatch socket; HOST `*` is every interface of the
    /// trainer's host. Empty: `ipc://RUN/batches.ipc`. The control socket is beside it, see `Endpoints`.
    public var endpoint = ""
    /// Batches a worker may have under way: leased to it and not yet consumed. 1 … 1,024.
    public var credit = 4
    /// Seconds after which a batch is leased again to another worker. 0.1 … 86,400.
    public var leaseSeconds = 30.0
    /// Megabytes (2²⁰ bytes) of neighbourhoods that a worker keeps within a window of `batch.refresh_batches`; 0: none.
    /// 0 … 1,048,576. Changes no bit of the result.
    public var cacheMB = 8
    /// Seconds without a word from the trainer after which a worker gives up that has heard one. 1 … 2,592,000.
    public var giveUpSeconds = 600.0

    public init() {}
}

/// The trainer process (`trainer.*`).
public struct TrainerSettings: Equatable, Sendable {
    /// Threads of the arithmetic. 1 … 1,024. Changes no bit of the result.
    public var threads = 1
    public var features = FeatureSource.mapped
    /// What the feature rows that travel in the batch are rounded to.
    public var wire = Wire.float32
    /// What the operands of the network's products are rounded to; sums and parameters are float32 either way.
    public var precision = Precision.float32

    public enum FeatureSource: String, CaseIterable, Sendable {
        /// The trainer maps the graph's feature table itself: one host.
        case mapped
        /// Feature rows travel in the batch: samplers on other hosts.
        case inline
    }

    public enum Wire: String, CaseIterable, Sendable {
        case float32
        /// Half the bytes. The network learns from rounded features.
        case float16
    }

    public enum Precision: String, CaseIterable, Sendable {
        case float32
        /// Needs a CPU with AVX512_BF16.
        case bfloat16
    }

    public init() {}
}

/// When checkpoints are written and how many stay (`checkpoints.*`).
public struct CheckpointSettings: Equatable, Sendable {
    /// Batches between checkpoints, beside those at each epoch's end. 1 … 1,000,000,000.
    public var everyBatches = 200
    /// Newest checkpoints kept. 1 … 1,000,000.
    public var keep = 3

    public init() {}
}

/// Who may talk to the trainer (`security.*`). Changes no bit of the result.
public struct SecuritySettings: Equatable, Sendable {
    public var mechanism = Mechanism.none
    /// Folder of the keys, as `pinsage keys` makes it. Needed for `curve`.
    public var keys = ""
    /// Which of the folder's keys a sampler uses.
    public var name = "sampler"

    public enum Mechanism: String, CaseIterable, Sendable {
        /// Anyone who reaches the sockets may send: for one host, or a network where every host is trusted.
        case none
        /// Traffic is encrypted, and only keys that are listed are let in.
        case curve
    }

    public init() {}
}
