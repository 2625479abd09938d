import Configuration
import Foundation
import Testing

/// The config files that come with the program.
@Suite struct ProfileTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("configs").path

    private func load(_ name: String) throws -> PipelineSettings {
        try PipelineSettings.load(path: "\(Self.folder)/\(name).yaml")
    }

    @Test("every config file loads")
    func all() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder).filter { $0.hasSuffix(".yaml") }
        #expect(Set(["article.yaml", "paper.yaml", "recommended.yaml", "demo.yaml"]).isSubset(of: names))
        for name in names { _ = try load(String(name.dropLast(5))) }
    }

    @Test("the recommended settings are the defaults, as far as they decide numbers")
    func recommended() throws {
        let recommended = try load("recommended")
        #expect(recommended.differences(from: PipelineSettings()).isEmpty)
    }

    @Test("the paper's and the article's settings are theirs")
    func sources() throws {
        let (paper, article) = (try load("paper"), try load("article"))
        #expect(paper.walks.top == 50 && paper.walks.restart == 0.5)
        #expect(article.walks.top == 25 && article.walks.restart == 0)
        #expect(article.walks.count == 10 && article.walks.steps == 50)
        #expect(paper.batch.sharedNegatives == 500)
        #expect(paper.batch.hardNegativesMax == 6 && article.batch.hardNegativesMax == 1)
        #expect(paper.hardNegatives.source == .pagerank && article.hardNegatives.source == .ann)
        // The curriculum reaches the paper's six.
        #expect(paper.hardNegatives(inEpoch: UInt64(paper.training.epochs - 1)) == 6)
        #expect(article.hardNegatives(inEpoch: 0) == 0 && article.hardNegatives(inEpoch: 3) == 1)
        #expect(article.training.margin == 0.1)
        #expect(paper.training.loss == .maxMargin && article.training.loss == .maxMargin)
        #expect(paper.model.popularityPrior == 0 && article.model.popularityPrior == 0)
        #expect(paper.model.head == ModelSettings.Head.paper && article.model.head == ModelSettings.Head.none)
    }
}
