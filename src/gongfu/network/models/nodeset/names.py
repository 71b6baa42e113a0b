"""Names of reference and data types of namespace 0 with their numbers (OPC 10000-6 Annex A), beyond the usual aliases.

Some files use them as aliases without declaring them.
"""

from __future__ import annotations

from typing import Final

_TEXT: Final = """
    AccessRestrictionType=95 AddNodesItem=376 AddReferencesItem=379 AggregateConfiguration=948 Aggregates=44
    AlarmSuppressionGroupMember=32059 AliasFor=23469 Annotation=891 AnonymousIdentityToken=319
    ApplicationDescription=308 ApplicationInstanceCertificate=311 ApplicationType=307 AssociatedWith=24137
    AttributeOperand=598 AttributeWriteMask=347 AxisInformation=12079 AxisScaleEnumeration=12077
    BitFieldMaskDataType=11737 BuildInfo=338 ComplexNumberType=12171 ContentFilter=586 ContentFilterElement=583
    ContinuationPoint=521 Controls=25254 Counter=289 DataSetToWriter=14936 DataTypeDefinition=97 DateString=12881
    DecimalString=12878 DeleteNodesItem=382 DeleteReferencesItem=385 DiscoveryConfiguration=12890
    DoubleComplexNumberType=12172 DurationString=12879 ElementOperand=592 EndpointConfiguration=331
    EndpointDescription=312 EndpointUrlListDataType=11943 EnumDefinition=100 EnumField=102 EventFilter=725
    ExceptionDeviationFormat=890 FilterOperand=589 FilterOperator=576 HasArgumentDescription=129
    HasAttachedComponent=25264 HasChild=34 HasContainedComponent=25263 HasCurrentData=32633 HasCurrentEvent=32634
    HasDataSetReader=15297 HasDataSetWriter=15296 HasEngineeringUnitDetails=32558 HasKeyValueDescription=32407
    HasLowerLayerInterface=25238 HasOptionalInputArgumentDescription=131 HasPhysicalComponent=25262
    HasPubSubConnection=14476 HasPushedSecurityGroup=25345 HasQuantity=32559 HasReaderGroup=18805
    HasReferenceDescription=32679 HasStructuredComponent=24136 HasWriterGroup=18804 HierarchicalReferences=33
    HistoryEvent=659 HistoryEventFieldList=920 HistoryUpdateType=11234 ImageBMP=2000 ImageGIF=2001 ImageJPG=2002
    ImagePNG=2003 IntegerId=288 IsDeprecated=23562 IsExecutableOn=25253 IsExecutingOn=25265 IsHostedBy=25261
    IsPhysicallyConnectedTo=25257 IssuedIdentityToken=938 LiteralOperand=595 MdnsDiscoveryConfiguration=12891
    MessageSecurityMode=302 ModelChangeStructureDataType=877 ModificationInfo=11216 MonitoringFilter=719
    NamingRuleType=120 NetworkGroupDataType=11944 NodeAttributesMask=348 NodeClass=257
    NonHierarchicalReferences=32 NormalizedString=12877 OpenFileMode=11939 OptionSet=12755 PerformUpdateType=11293
    PermissionType=94 ProgramDiagnosticDataType=894 RedundancySupport=851 RedundantServerDataType=853
    References=31 RegisteredServer=432 RelativePath=540 RelativePathElement=537 RepresentsSameEntityAs=25258
    RepresentsSameFunctionalityAs=25260 RepresentsSameHardwareAs=25259 Requires=25256 RolePermissionType=96
    SamplingIntervalDiagnosticsDataType=856 SecurityTokenRequestType=315 SemanticChangeStructureDataType=897
    ServerDiagnosticsSummaryDataType=859 ServerOnNetwork=12189 ServerState=852 ServerStatusDataType=862
    ServiceCounterDataType=871 SessionAuthenticationToken=388 SessionDiagnosticsDataType=865
    SessionSecurityDiagnosticsDataType=868 SignedSoftwareCertificate=344 SimpleAttributeOperand=601
    StatusResult=299 StructureDefinition=99 StructureField=101 StructureType=98
    SubscriptionDiagnosticsDataType=874 TimeString=12880 TimeZoneDataType=8912 TrustListDataType=12554
    TrustListMasks=12552 Union=12756 UserIdentityToken=316 UserNameIdentityToken=322 UserTokenPolicy=304
    UserTokenType=303 UsesPriorityMappingTable=25237 Utilizes=25255 X509IdentityToken=325 XVType=12080
"""
NUMBERS: Final = {name: int(number) for name, _, number in (pair.partition("=") for pair in _TEXT.split())}
