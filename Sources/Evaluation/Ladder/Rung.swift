import Configuration

/// One way to rank pins, as a change of a configuration. All rungs train as long as the configuration says.
public struct Rung: Sendable {
    /// What `--rungs` calls it.
    public let name: String
    /// As tables show it.
    public let title: String
    /// What is particular about it, one sentence.
    public let sentence: String
    /// Nil: nothing is trained, the content rows themselves are compared by cosine.
    public let change: (@Sendable (inout PipelineSettings) -> Void)?
    /// Whether its popularity prior counts where pins are ranked. Training knows nothing of it, so rungs that differ in
    /// this alone share a training.
    public let isRankedWithPrior: Bool

    /// A rung that changes what `makePlain` leaves, ranked without the prior.
    private init(
        _ name: String, _ title: String, _ sentence: String,
        _ change: @escaping @Sendable (inout PipelineSettings) -> Void = { _ in }
    ) {
        self.init(name: name, title: title, sentence: sentence, isRankedWithPrior: false) { settings in
            Self.makePlain(&settings)
            change(&settings)
        }
    }

    private init(
        name: String, title: String, sentence: String, isRankedWithPrior: Bool,
        change: (@Sendable (inout PipelineSettings) -> Void)?
    ) {
        (self.name, self.title, self.sentence, self.change) = (name, title, sentence, change)
        self.isRankedWithPrior = isRankedWithPrior
    }

    /// The paper's network with importance pooling and without anything on top of it.
    private static func makePlain(_ settings: inout PipelineSettings) {
        settings.features.learnedWidth = 0
        settings.walks.pooling = .importance
        settings.model.head = .paper
        settings.model.structureShare = 0
        settings.batch.hardNegativesMax = 0
        settings.batch.supervision = .shared
        settings.training.loss = .maxMargin
    }

    /// From the configuration's source, at most the paper's six.
    private static func addHardNegatives(
        _ settings: inout PipelineSettings, _ curriculum: HardNegativeSettings.Curriculum
    ) {
        settings.batch.hardNegativesMax = 6
        settings.hardNegatives.curriculum = curriculum
    }

    public static func named(_ name: String) -> Rung? { all.first { $0.name == name } }
}

extension Rung {
    public static let all = simple + pooling + onTop + whole

    private static let simple = [
        Rung(
            name: "content", title: "content", sentence: "The cosine of the content itself; nothing is trained.",
            isRankedWithPrior: false, change: nil),
        Rung(
            "content_network", "network of content",
            "The network sees a pin's own content alone: no neighbours, no log-degree."
        ) {
            $0.walks.top = 0
            $0.features.logDegree = 0
        },
    ]

    private static let pooling = [
        Rung(
            "one_step", "one step, uniform",
            "GraphSAGE's neighbours: 25 draws of one step pin → board → pin, each distinct pin weighing alike."
        ) {
            $0.walks.count = 25
            $0.walks.steps = 1
            $0.walks.restart = 0
            $0.walks.pooling = .uniform
        },
        Rung("uniform", "uniform pooling", "The most visited pins of the walks, weighing alike.") {
            $0.walks.pooling = .uniform
        },
        Rung("max", "max pooling", "The same pins; the largest of each column.") { $0.walks.pooling = .max },
        Rung("importance", "importance pooling", "The same pins, weighing by their visits."),
    ]

    private static let onTop = [
        Rung(
            "uniform_hard", "uniform, hard negatives", "Uniform pooling with one hard negative a query from epoch 1 on."
        ) {
            $0.walks.pooling = .uniform
            addHardNegatives(&$0, .one)
        },
        Rung("hard_one", "hard negatives, one", "Importance pooling with one hard negative a query from epoch 1 on.") {
            addHardNegatives(&$0, .one)
        },
        Rung("hard", "hard negatives, curriculum", "Importance pooling with one hard negative more in each epoch.") {
            addHardNegatives(&$0, .linear)
        },
        Rung(
            "hard_other_source", "hard negatives, other source",
            "The same, by the source that the configuration leaves."
        ) {
            addHardNegatives(&$0, .linear)
            $0.hardNegatives.source = $0.hardNegatives.source == .ann ? .pagerank : .ann
        },
        Rung(
            "learned", "learned vectors", "Importance pooling; each pin has a learned vector, which a new pin has not."
        ) { $0.features.learnedWidth = 64 },
        Rung("softmax", "softmax loss", "Importance pooling; the cross entropy of the positive among the negatives.") {
            $0.training.loss = .softmax
        },
        Rung(
            "disjoint", "disjoint supervision",
            "Importance pooling; the boards that pairs come from are hidden from the walks."
        ) { $0.batch.supervision = .disjoint },
        Rung("head_none", "no head", "Importance pooling; the second layer's output is the embedding.") {
            $0.model.head = .none
            $0.model.outputWidth = $0.model.hiddenWidth
        },
    ]

    private static let whole = [
        Rung(
            name: "full_no_prior", title: "the configuration, no prior",
            sentence: "The embeddings of `full`, ranked without the popularity prior.", isRankedWithPrior: false,
            change: { _ in }),
        Rung(
            name: "full", title: "the configuration", sentence: "Everything that the configuration asks for.",
            isRankedWithPrior: true, change: { _ in }),
    ]
}

/// Rungs in an order in which each stands on another.
public struct Ladder: Sendable {
    public struct Step: Sendable {
        public let rung: String
        /// The rung it is compared with; nil at the bottom.
        public let below: String?
        /// How many times the rung below goes into it, by the paper's figures.
        public let paper: Double?

        init(_ rung: String, above below: String? = nil, paper: Double? = nil) {
            (self.rung, self.below, self.paper) = (rung, below, paper)
        }
    }

    public let name: String
    public let title: String
    public let steps: [Step]
    /// The top compared with the bottom, by the paper's figures.
    public let paperInAll: Double?

    /// - Source: Ying et al. 2018, arXiv 1806.01973, Table 1: hit-rates 27, 41, 46 and 67 %.
    public static let all = [
        Ladder(
            name: "paper", title: "The paper's ladder",
            steps: [
                Step("content"), Step("uniform", above: "content", paper: 41.0 / 27),
                Step("uniform_hard", above: "uniform", paper: 46.0 / 41),
                Step("hard", above: "uniform_hard", paper: 67.0 / 46),
            ], paperInAll: 67.0 / 27),
        Ladder(
            name: "ours", title: "This program's ladder",
            steps: [
                Step("content"), Step("content_network", above: "content"),
                Step("one_step", above: "content_network"), Step("uniform", above: "one_step"),
                Step("max", above: "uniform"), Step("importance", above: "uniform"),
                Step("hard_one", above: "importance"), Step("hard", above: "importance"),
                Step("hard_other_source", above: "importance"), Step("learned", above: "importance"),
                Step("softmax", above: "importance"), Step("disjoint", above: "importance"),
                Step("head_none", above: "importance"),
                Step("full_no_prior", above: "softmax"), Step("full", above: "full_no_prior"),
            ], paperInAll: nil),
    ]

    /// The steps whose rung is among `rungs`, each above the nearest such rung below it.
    func steps(of rungs: Set<String>) -> [Step] {
        steps.filter { rungs.contains($0.rung) }.map { step in
            var below = step.below
            while let name = below, !rungs.contains(name) {
                below = steps.first { $0.rung == name }?.below
            }
            // The paper's figure is that of its own two rungs.
            return Step(step.rung, above: below, paper: below == step.below ? step.paper : nil)
        }
    }
}
