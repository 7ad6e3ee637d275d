"""Facts of R4 that the journal needs by itself: resource types, and the search parameters it knows.

FHIR R4, 2.25 (resource index) and 3.1.1 (search).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType


def _words(text: str) -> list[str]:
    return text.split()


TYPES = frozenset(
    _words("""
    Account ActivityDefinition AdverseEvent AllergyIntolerance Appointment AppointmentResponse AuditEvent Basic Binary
    BiologicallyDerivedProduct BodyStructure Bundle CapabilityStatement CarePlan CareTeam CatalogEntry ChargeItem
    ChargeItemDefinition Claim ClaimResponse ClinicalImpression CodeSystem Communication CommunicationRequest
    CompartmentDefinition Composition ConceptMap Condition Consent Contract Coverage CoverageEligibilityRequest
    CoverageEligibilityResponse DetectedIssue Device DeviceDefinition DeviceMetric DeviceRequest DeviceUseStatement
    DiagnosticReport DocumentManifest DocumentReference EffectEvidenceSynthesis Encounter Endpoint EnrollmentRequest
    EnrollmentResponse EpisodeOfCare EventDefinition Evidence EvidenceVariable ExampleScenario ExplanationOfBenefit
    FamilyMemberHistory Flag Goal GraphDefinition Group GuidanceResponse HealthcareService ImagingStudy Immunization
    ImmunizationEvaluation ImmunizationRecommendation ImplementationGuide InsurancePlan Invoice Library Linkage List
    Location Measure MeasureReport Media Medication MedicationAdministration MedicationDispense MedicationKnowledge
    MedicationRequest MedicationStatement MedicinalProduct MedicinalProductAuthorization
    MedicinalProductContraindication MedicinalProductIndication MedicinalProductIngredient MedicinalProductInteraction
    MedicinalProductManufactured MedicinalProductPackaged MedicinalProductPharmaceutical
    MedicinalProductUndesirableEffect MessageDefinition MessageHeader MolecularSequence NamingSystem NutritionOrder
    Observation ObservationDefinition OperationDefinition Organization OrganizationAffiliation Patient PaymentNotice
    PaymentReconciliation Person PlanDefinition Practitioner PractitionerRole Procedure Provenance Questionnaire
    QuestionnaireResponse RelatedPerson RequestGroup ResearchDefinition ResearchElementDefinition ResearchStudy
    ResearchSubject RiskAssessment RiskEvidenceSynthesis Schedule SearchParameter ServiceRequest Slot Specimen
    SpecimenDefinition StructureDefinition StructureMap Subscription Substance SubstanceNucleicAcid SubstancePolymer
    SubstanceProtein SubstanceReferenceInformation SubstanceSourceMaterial SubstanceSpecification SupplyDelivery
    SupplyRequest Task TerminologyCapabilities TestReport TestScript ValueSet VerificationResult VisionPrescription
    """)
)
"""The types that can be kept; Parameters and OperationOutcome are never stored."""

_NO_IDENTIFIER = frozenset(
    _words("""
    AuditEvent Binary CompartmentDefinition GraphDefinition ImplementationGuide Linkage MessageHeader NamingSystem
    OperationDefinition Provenance SearchParameter Subscription TerminologyCapabilities
    VerificationResult CapabilityStatement SubstanceNucleicAcid SubstancePolymer SubstanceProtein
    SubstanceReferenceInformation SubstanceSourceMaterial MedicationKnowledge MedicinalProductContraindication
    MedicinalProductIndication MedicinalProductInteraction MedicinalProductManufactured
    MedicinalProductUndesirableEffect
    """)
)
_SUBJECT = _words("""
    AdverseEvent CarePlan CareTeam ChargeItem ClinicalImpression Communication CommunicationRequest Composition
    Condition DeviceRequest DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference Encounter Flag Goal
    GuidanceResponse ImagingStudy Invoice List Media MeasureReport MedicationAdministration MedicationDispense
    MedicationRequest MedicationStatement Observation Procedure QuestionnaireResponse RequestGroup RiskAssessment
    ServiceRequest Specimen Account Basic Contract
    """)
_PATIENT = _words("""
    AllergyIntolerance Claim ClaimResponse Consent Device DetectedIssue EpisodeOfCare ExplanationOfBenefit
    FamilyMemberHistory Immunization ImmunizationEvaluation ImmunizationRecommendation NutritionOrder RelatedPerson
    SupplyDelivery VisionPrescription BodyStructure MolecularSequence CoverageEligibilityRequest
    CoverageEligibilityResponse
    """)
_ENCOUNTER = _words("""
    CarePlan ClinicalImpression Communication CommunicationRequest Composition Condition DeviceRequest
    DiagnosticReport Flag ImagingStudy List Media MedicationRequest Observation Procedure QuestionnaireResponse
    RequestGroup RiskAssessment ServiceRequest NutritionOrder Task
    """)

REFERENCES: dict[str, dict[str, str]] = {
    "subject": {**dict.fromkeys(_SUBJECT, "subject"), "Task": "for"},
    "patient": {
        **dict.fromkeys(_SUBJECT, "subject"),
        **dict.fromkeys(_PATIENT, "patient"),
        "Task": "for",
        "Coverage": "beneficiary",
        "Provenance": "target",
        "Appointment": "participant.actor",
    },
    "encounter": {**dict.fromkeys(_ENCOUNTER, "encounter"), "DocumentReference": "context.encounter"},
    "target": {"Provenance": "target"},
}
"""Search parameters of type reference: for each the types that have it and the element it looks at."""


def has_identifier(resource_type: str) -> bool:
    """Whether R4 defines the search parameter `identifier` for the type."""
    return resource_type not in _NO_IDENTIFIER


@cache
def parameters_of(resource_type: str) -> Mapping[str, str]:
    """Search parameters the journal knows for a type, with their FHIR search type."""
    known = {"_id": "token", "_tag": "token"}
    if has_identifier(resource_type):
        known["identifier"] = "token"
    known.update({name: "reference" for name, types in REFERENCES.items() if resource_type in types})
    return MappingProxyType(known)
